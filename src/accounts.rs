//! User and group names from /etc, so that nothing depends on the C library's
//! name services, which a static binary does not have.

use std::collections::HashMap;
use std::path::Path;

/// The accounts of this host, read once.
#[derive(Debug, Default)]
pub struct Accounts {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Accounts {
    /// Reads /etc/passwd and /etc/group; without them everybody is a number.
    pub fn read() -> Accounts {
        let read = |path: &str| {
            let text = std::fs::read(Path::new(path)).unwrap_or_default();
            parse(&String::from_utf8_lossy(&text))
        };
        Accounts {
            users: read("/etc/passwd"),
            groups: read("/etc/group"),
        }
    }

    /// The name of a user, else the number.
    pub fn user(&self, uid: u32) -> String {
        named(&self.users, uid)
    }

    /// The name of a group, else the number.
    pub fn group(&self, gid: u32) -> String {
        named(&self.groups, gid)
    }

    /// The number of a user given by name.
    pub fn uid(&self, name: &str) -> Option<u32> {
        let mut found = self.users.iter().filter(|(_, known)| *known == name);
        found.next().map(|(uid, _)| *uid)
    }
}

fn named(names: &HashMap<u32, String>, number: u32) -> String {
    let name = names.get(&number).cloned();
    name.unwrap_or_else(|| number.to_string())
}

/// Names by number: both files have the name first, and the number third.
fn parse(text: &str) -> HashMap<u32, String> {
    let account = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let number = fields.nth(1)?.parse().ok()?;
        Some((number, name))
    };
    // The first line of a number wins, as in getpwuid(3).
    text.lines().rev().filter_map(account).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_wins() {
        let users =
            parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbad line\nweb:x:33:33::/:\n");
        let groups = parse("root:x:0:\nwww-data:x:33:web,root\n");
        let accounts = Accounts { users, groups };
        assert_eq!(
            (accounts.user(0), accounts.user(33)),
            ("root".into(), "web".into())
        );
        assert_eq!(accounts.user(4711), "4711");
        assert_eq!(accounts.group(33), "www-data");
        assert_eq!(accounts.group(4711), "4711");
        assert_eq!(accounts.uid("web"), Some(33));
        assert_eq!(accounts.uid("nobody else"), None);
    }
}
