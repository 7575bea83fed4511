//! The verbs of a noun, from one list.

/// Makes of a list of verbs, with their aliases and the types of their
/// arguments: the enum `Verb`, `leaf`, which parses one of them alone, and
/// what `cli` asks of every noun.
macro_rules! verbs {
    (
        $(#[$documentation:meta])*
        $noun:literal {
            $($verb:literal $(| $alias:literal)* => $module:ident::$arguments:ident,)+
        }
    ) => {
        $(#[$documentation])*
        #[derive(Debug, clap::Subcommand)]
        #[command(defer = true)]
        pub(crate) enum Verb {
            $(
                #[command(name = $verb $(, visible_alias = $alias)*)]
                $arguments($module::$arguments),
            )+
        }

        /// Parses one verb alone; nothing when the word is no verb.
        pub(crate) fn leaf(
            verb: &str,
            words: &[std::ffi::OsString],
        ) -> Option<$crate::cmd::leaf::Parsed<Verb>> {
            Some(match verb {
                $($verb $(| $alias)* => $crate::cmd::leaf::parse(Verb::$arguments, words),)+
                _ => return None,
            })
        }

        impl Verb {
            /// The full name of the command.
            pub(crate) fn path(&self) -> &'static str {
                match self {
                    $(Verb::$arguments(_) => concat!($noun, " ", $verb),)+
                }
            }

            pub(crate) fn run(
                self,
                context: &mut $crate::cmd::context::Context,
            ) -> anyhow::Result<$crate::exit::Exit> {
                match self {
                    $(Verb::$arguments(verb) => verb.run(context),)+
                }
            }
        }
    };
}

pub(crate) use verbs;
