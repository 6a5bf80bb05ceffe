//! The link that names the live file.

use std::{
    fs::{self, symlink_metadata},
    io,
    os::unix::fs::symlink,
    path::Path,
};

/// Has the link name the file beside it. Anything else than a link of this name stays as it is, and is an error.
pub(crate) fn update_link(link: &Path, file: &Path) -> io::Result<()> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    match symlink_metadata(link) {
        Ok(found) if !found.is_symlink() => return Err(io::Error::other("it is a file, and no link")),
        Ok(_) if fs::read_link(link).is_ok_and(|known| known == name) => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return symlink(name, link),
        Err(error) => return Err(error),
    }
    // A reader finds the link at any time: the new one takes the place of the old one.
    let mut new = link.as_os_str().to_owned();
    new.push(format!(".{}", std::process::id()));
    let _ = fs::remove_file(&new);
    symlink(name, &new)?;
    fs::rename(&new, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_and_changed_and_a_file_of_its_name_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        update_link(&path("current"), &path("a.log")).unwrap();
        assert_eq!(fs::read_link(path("current")).unwrap(), Path::new("a.log"));
        update_link(&path("current"), &path("b.log")).unwrap();
        assert_eq!(fs::read_link(path("current")).unwrap(), Path::new("b.log"));
        fs::write(path("file"), "content").unwrap();
        assert!(update_link(&path("file"), &path("a.log")).unwrap_err().to_string().contains("no link"));
        assert_eq!(fs::read(path("file")).unwrap(), b"content");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
