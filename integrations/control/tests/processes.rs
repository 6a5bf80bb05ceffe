//! Several containers, ended processes, forked children, and other users: each in a child with directories of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "all of this program is test code"
)]

mod served;

use std::{
    fs,
    io::{BufRead, BufReader, Write, stdin},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Output, Stdio, id},
    sync::Arc,
};

use fapilog::{Container, format, sink};
use fapilog_control::{
    ControlError, ControlSocket,
    client::{Client, ClientError},
    protocol::LevelChange,
    sockets_of,
};
use served::{Served, TIMEOUT};

const ROLE: &str = "CONTROL_TEST_ROLE";

/// A user that owns nothing.
const NOBODY: u32 = 65534;

/// No test in itself: the work of children.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "has two containers" => has_two_containers(),
        "starts among sockets of ended processes" => starts_among_stale_sockets(),
        "has a directory that others may enter" => has_an_open_directory(),
        "has a small umask" => has_a_small_umask(),
        "forks" => forks(),
        "is another user" => is_another_user(),
        "changes its directory" => changes_its_directory(),
        "takes a path" => takes_a_path(),
        role => panic!("{role}"),
    }
}

/// The child in this role, with this directory for sockets.
fn child(role: &str, runtime: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_child", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env("XDG_RUNTIME_DIR", runtime);
    command
}

fn in_child(role: &str) -> Output {
    let runtime = tempfile::tempdir().unwrap();
    let output = child(role, runtime.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn container() -> Arc<Container> {
    let (sink, _events) = sink::Memory::new(format::Json::new);
    Arc::new(Container::builder().sink("memory", sink).start().unwrap())
}

fn runtime() -> std::path::PathBuf {
    std::env::var_os("XDG_RUNTIME_DIR").unwrap().into()
}

fn has_two_containers() {
    let [first, second] = [container(), container()];
    let controls = [&first, &second].map(|container| ControlSocket::builder(container).start().unwrap());
    assert_eq!(controls[0].path(), runtime().join(format!("fapilog/{}.sock", id())));
    assert_eq!(controls[1].path(), runtime().join(format!("fapilog/{}-{}.sock", id(), second.id())));
    assert_eq!(sockets_of(id()), [controls[0].path(), controls[1].path()]);
    assert!(matches!(Client::of_process(id()), Err(ClientError::SeveralSockets { .. })));

    let mut client = Client::connect(controls[1].path()).unwrap();
    assert_eq!(client.info().unwrap().container, second.id());
    client.change_levels(LevelChange::add("debug")).unwrap();
    assert_eq!([&first, &second].map(|container| container.directives().to_string()), ["INFO", "DEBUG"]);

    let [first, second] = controls;
    drop(second);
    let info = Client::of_process(id()).unwrap().info().unwrap();
    assert_eq!(info.pid, id());
    drop(first);
    assert!(matches!(Client::of_process(id()), Err(ClientError::NoSocket { .. })));
    assert!(matches!(Client::of_process(u32::MAX), Err(ClientError::NoProcess { .. })));
}

#[test]
fn each_container_of_a_process_has_a_socket_of_its_own() {
    in_child("has two containers");
}

fn starts_among_stale_sockets() {
    let directory = runtime().join("fapilog");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    // The sockets of an ended process, and of one that had this number before.
    let stale = [directory.join("2147483646.sock"), directory.join(format!("{}.sock", id()))];
    stale.iter().for_each(|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()));
    let container = container();
    let control = ControlSocket::builder(&container).start().unwrap();
    assert_eq!(control.path(), stale[1]);
    assert!(!stale[0].exists());
    Client::of_process(id()).unwrap().levels().unwrap();
}

#[test]
fn sockets_of_ended_processes_are_removed_by_the_next_start() {
    in_child("starts among sockets of ended processes");
}

fn has_an_open_directory() {
    let directory = runtime().join("fapilog");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let started = ControlSocket::builder(&container()).start();
    assert!(matches!(started, Err(ControlError::Directory { .. })), "{started:?}");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn a_directory_that_others_may_enter_holds_no_socket() {
    in_child("has a directory that others may enter");
}

fn has_a_small_umask() {
    rustix::process::umask(rustix::fs::Mode::empty());
    let container = container();
    let control = ControlSocket::builder(&container).start().unwrap();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(control.path()), mode(control.path().parent().unwrap())], [0o600, 0o700]);
}

#[test]
fn the_socket_and_its_directory_are_their_users_alone_also_with_a_umask_of_zero() {
    in_child("has a small umask");
}

fn forks() {
    let container = container();
    let control = ControlSocket::builder(&container).start().unwrap();
    let path = control.path().to_owned();
    // SAFETY: the child uses neither locks nor threads of the parent, which is what it checks, and then exits at once.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let is_refused = matches!(ControlSocket::builder(&container).start(), Err(ControlError::Forked));
        drop(control);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!(is_refused && path.exists()))) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:#x}");
    // The socket is that of the parent as before, and answers for it.
    assert_eq!(Client::connect(&path).unwrap().info().unwrap().pid, id());

    // A child that lives on holds a copy of the socket, and nothing answers there once the parent has dropped its own.
    // SAFETY: the child waits for its end, and uses nothing.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        loop {
            std::thread::sleep(TIMEOUT);
        }
    }
    let mut client = Client::connect(&path).unwrap();
    client.levels().unwrap();
    // The path stays, to connect to.
    let other_name = path.with_extension("other");
    fs::hard_link(&path, &other_name).unwrap();
    drop(control);
    assert!(matches!(client.levels(), Err(ClientError::Closed)));
    assert!(matches!(Client::connect(&other_name), Err(ClientError::Stale { .. })));
    // SAFETY: the child made above, which has not been waited for.
    unsafe { libc::kill(pid, libc::SIGKILL) };
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
}

#[test]
fn a_forked_child_neither_answers_for_its_parent_nor_removes_its_socket() {
    in_child("forks");
}

fn changes_its_directory() {
    std::env::set_current_dir(runtime()).unwrap();
    let control = ControlSocket::builder(&container()).path("own.sock").start().unwrap();
    let path = runtime().join("own.sock");
    assert_eq!(fs::canonicalize(control.path()).unwrap(), fs::canonicalize(&path).unwrap());
    std::env::set_current_dir("/").unwrap();
    drop(control);
    assert!(!path.exists());
}

#[test]
fn a_socket_at_a_relative_path_is_removed_after_a_change_of_the_directory() {
    in_child("changes its directory");
}

/// Starts a socket at a path at a line of its standard input, and holds it until its standard input ends.
fn takes_a_path() {
    let (path, container, mut line) = (runtime().join("shared.sock"), container(), String::new());
    stdin().read_line(&mut line).unwrap();
    match ControlSocket::builder(&container).path(&path).start() {
        Ok(_control) => {
            eprintln!("has it");
            stdin().read_line(&mut line).unwrap();
            assert_eq!(Client::connect(&path).unwrap().info().unwrap().pid, id());
        }
        Err(ControlError::InUse { .. }) => eprintln!("in use"),
        Err(error) => panic!("{error}"),
    }
}

/// A file of an ended process is there, which each of them could replace.
#[test]
fn processes_that_start_at_one_path_at_once_leave_it_to_one_of_them() {
    for _ in 0..10 {
        let runtime = tempfile::tempdir().unwrap();
        drop(std::os::unix::net::UnixListener::bind(runtime.path().join("shared.sock")).unwrap());
        let start = || {
            let mut command = child("takes a path", runtime.path());
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut children = [(); 6].map(|()| start());
        children.iter_mut().for_each(|child| child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap());
        let mut outputs = children.each_mut().map(|child| BufReader::new(child.stderr.take().unwrap()));
        let answers = outputs.each_mut().map(|output| {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            line
        });
        children.iter_mut().for_each(|child| drop(child.stdin.take()));
        let statuses = children.map(|mut child| child.wait().unwrap().success());
        assert_eq!(statuses, [true; 6], "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| *answer == "has it\n").count(), 1, "{answers:?}");
    }
}

/// Prints the answer to a connection.
fn is_another_user() {
    let path = runtime().join("control.sock");
    match Client::connect(&path) {
        Err(ClientError::Connect { source, .. }) => eprintln!("cannot connect: {:?}", source.kind()),
        Err(error) => eprintln!("refused: {error}"),
        Ok(mut client) => eprintln!("answered: {:?}", client.change_levels(LevelChange::add("debug"))),
    }
}

#[test]
fn another_user_can_neither_connect_nor_is_answered() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can run a child as another user");
        return;
    }
    // Elsewhere than the directory of the test program, which that user may not be able to reach.
    let served = Served::start();
    let program = served.directory.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(served.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let seen = || {
        let mut command = Command::new(&program);
        command.args(["--exact", "the_child", "--nocapture"]).current_dir("/");
        command.env(ROLE, "is another user").env("XDG_RUNTIME_DIR", served.directory.path()).uid(NOBODY);
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    assert_eq!(seen(), "cannot connect: PermissionDenied\n");
    // As if the mode did not count.
    fs::set_permissions(served.path(), fs::Permissions::from_mode(0o666)).unwrap();
    let text = seen();
    assert!(text.contains(&format!("of user {NOBODY} may not control this process")), "{text}");
    assert!(text.contains("control.forbidden"), "{text}");
    assert_eq!(served.container.directives().to_string(), "INFO");
    served.end();
}
