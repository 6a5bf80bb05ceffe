//! The user behind the process.

use std::fs;

/// The id of a process without a login, such as a service.
const NO_LOGIN: u32 = u32::MAX;

/// The user, as the kernel has it. Variables of the environment would be anybody's claims.
#[derive(Debug)]
pub(super) struct ProcessUser {
    /// The name of the login user; without one, of the user of the process; a number without a name.
    pub(super) who: String,
    pub(super) host: String,
    pub(super) uid: u32,
    pub(super) user: Option<String>,
    /// The user that has logged in, which `sudo` does not change.
    pub(super) login_uid: Option<u32>,
    pub(super) login_user: Option<String>,
}

impl ProcessUser {
    pub(super) fn of_process() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let login = fs::read_to_string("/proc/self/loginuid").ok();
        let login_uid = login.and_then(|text| text.trim().parse().ok()).filter(|uid| *uid != NO_LOGIN);
        // Without users of a directory service: their numbers stand in the record.
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (user, login_user) = (name_of(&users, uid), login_uid.and_then(|uid| name_of(&users, uid)));
        let who = match login_uid {
            Some(login) => login_user.clone().unwrap_or_else(|| format!("uid {login}")),
            None => user.clone().unwrap_or_else(|| format!("uid {uid}")),
        };
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let host = if host.trim().is_empty() { "unknown host".to_owned() } else { host };
        Self { who, host, uid, user, login_uid, login_user }
    }
}

/// The name of a user in the text of `/etc/passwd`.
fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_its_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\n\nkim:x:1000:1000::/home/kim:/bin/sh\n";
        assert_eq!(
            [0, 1000, 7].map(|uid| name_of(users, uid)),
            [Some("root".to_owned()), Some("kim".to_owned()), None]
        );
    }

    #[test]
    fn every_process_has_a_user_and_a_host() {
        let ProcessUser { who, host, .. } = ProcessUser::of_process();
        assert!(!who.is_empty() && !host.is_empty());
    }
}
