//! User names from /etc/passwd, so that nothing depends on the C library's
//! name services, which a static binary does not have.

use std::collections::HashMap;

/// The accounts of this host, read once.
#[derive(Debug, Default)]
pub struct Accounts {
    names: HashMap<u32, String>,
}

impl Accounts {
    /// Reads /etc/passwd; without it every user is a number.
    pub fn read() -> Accounts {
        let text = std::fs::read(PASSWD).unwrap_or_default();
        Accounts {
            names: parse(&String::from_utf8_lossy(&text)),
        }
    }

    /// The name of a user, else the number.
    pub fn user(&self, uid: u32) -> String {
        self.names
            .get(&uid)
            .cloned()
            .unwrap_or_else(|| uid.to_string())
    }

    /// The number of a user given by name.
    pub fn uid(&self, name: &str) -> Option<u32> {
        let mut found = self.names.iter().filter(|(_, known)| *known == name);
        found.next().map(|(uid, _)| *uid)
    }
}

const PASSWD: &str = "/etc/passwd";

fn parse(text: &str) -> HashMap<u32, String> {
    let account = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        Some((uid, name))
    };
    // The first line of a number wins, as in getpwuid(3).
    text.lines().rev().filter_map(account).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_wins() {
        let names =
            parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbad line\nweb:x:33:33::/:\n");
        assert_eq!(names[&0], "root");
        assert_eq!(names[&33], "web");
        let accounts = Accounts { names };
        assert_eq!(accounts.user(4711), "4711");
        assert_eq!(accounts.uid("web"), Some(33));
        assert_eq!(accounts.uid("nobody else"), None);
    }
}
