//! What `ls`, `stat`, `rm` and completion need to know of a kind of object.

use std::ffi::OsStr;

use serde::Serialize;

use super::context::Context;
use crate::error::Result;
use crate::facts::{Described, Label};
use crate::name::{Name, Scope};
use crate::output::table::Column;

/// A kind of object, as those verbs see it that all kinds have in common.
pub(crate) trait Kind {
    /// What can be seen of one object.
    type Info: Described + Serialize;

    /// The columns of a listing, and how details are shown.
    const COLUMNS: &'static [Column];

    /// Looks at one object.
    fn look(name: &Name) -> Result<Self::Info>;

    /// Looks at all objects within a scope.
    fn list(scope: &Scope) -> Result<Vec<Self::Info>>;

    /// Removes one object.
    fn unlink(name: &Name) -> Result<()>;

    /// Removes one object even if it is in use.
    fn unlink_by_force(name: &Name) -> Result<()> {
        Self::unlink(name)
    }

    /// Looks at the object that a word stands for: a name, unless a kind has
    /// paths too.
    fn find(context: &Context, raw: &OsStr) -> Result<Self::Info> {
        let name = context.foreign_name(raw)?;
        let mut info = Self::look(&name)?;
        *info.label_mut() = Label::new(context.inner(&name));
        Ok(info)
    }

    /// Removes the object that a word stands for, and says how it was called.
    fn remove(context: &Context, raw: &OsStr) -> Result<Label> {
        let name = context.foreign_name(raw)?;
        Self::unlink(&name)?;
        Ok(Label::new(context.inner(&name)))
    }

    /// Removes the object that a word stands for, even one that is in use.
    fn remove_by_force(context: &Context, raw: &OsStr) -> Result<Label> {
        let name = context.foreign_name(raw)?;
        Self::unlink_by_force(&name)?;
        Ok(Label::new(context.inner(&name)))
    }

    /// Whether it is known to be of this kind: only then a pattern removes it.
    fn is_certain(_info: &Self::Info) -> bool {
        true
    }

    /// What is wrong with one that is of this kind all the same: a pattern does
    /// not remove it either, and says so.
    fn damage(_info: &Self::Info) -> Option<String> {
        None
    }

    /// A few words beside the name, where a shell shows descriptions.
    fn describe(info: &Self::Info) -> String;

    /// What is wrong with the place where such objects live, if something is.
    fn trouble() -> Option<String> {
        None
    }
}
