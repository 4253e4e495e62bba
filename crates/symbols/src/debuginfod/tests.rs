//! Downloads: from a real debuginfod, and from servers that do what they should not.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::*;
use crate::object_file::tests::{compile, run};

const ID: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
const ID_OPTION: &str = "-Wl,--build-id=0x0123456789abcdef";
const DEADLINE: Duration = Duration::from_secs(60);

/// A client with a cache of its own.
struct Client {
    cache: TempDir,
    debuginfod: Debuginfod,
}

impl Client {
    fn new(urls: &str, variables: &[(&str, &str)]) -> Client {
        let cache = tempfile::tempdir().unwrap();
        let environment = |name: &str| match name {
            "DEBUGINFOD_URLS" => Some(urls.into()),
            _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()),
        };
        let debuginfod = Debuginfod::new(&cache.path().join("made/on/demand"), &environment).unwrap();
        Client { cache, debuginfod }
    }

    /// What it comes to, once it is no longer pending.
    fn fetch(&self) -> Download {
        let start = Instant::now();
        loop {
            match self.debuginfod.fetch(&ID) {
                Download::Pending if start.elapsed() < DEADLINE => thread::sleep(Duration::from_millis(10)),
                outcome => return outcome,
            }
        }
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("made/on/demand/0123456789abcdef")
    }

    /// Names and sizes of the files in the cache for this id.
    fn files(&self) -> Vec<(String, u64)> {
        let Ok(entries) = fs::read_dir(self.folder()) else { return Vec::new() };
        let name = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len());
        entries.map(|entry| name(entry.unwrap())).collect()
    }
}

/// A server that gives each request the same answer, then closes the connection.
struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn new(answer: impl Fn(&mut TcpStream, &str) -> io::Result<()> + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
                count.fetch_add(1, Ordering::SeqCst);
                let _ = answer(&mut stream, &head);
            }
        });
        Server { url, asked }
    }

    /// With this status line, headers and body.
    fn saying(head: impl Into<String>, body: impl Into<Vec<u8>>) -> Server {
        let (head, body) = (head.into(), body.into());
        Server::new(move |stream, _| {
            stream.write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes())?;
            stream.write_all(&body)
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn debug_file() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::read(compile(folder.path(), "program", &["-g", ID_OPTION])).unwrap()
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn without_servers_there_is_no_client() {
    for urls in [None, Some(""), Some("  "), Some("ima:enforcing file:///srv /etc")] {
        let environment = |name: &str| urls.filter(|_| name == "DEBUGINFOD_URLS").map(Into::into);
        assert!(Debuginfod::new(Path::new("/nowhere"), &environment).is_none(), "{urls:?}");
    }
}

#[test]
fn limits_are_those_of_the_environment_and_never_above_ours() {
    let settings = |variables: &[(&str, &str)]| {
        let settings = &Client::new("http://a/ ima:permissive https://b/buildid/", variables).debuginfod.shared;
        let settings = &settings.settings;
        assert_eq!(settings.servers, ["http://a", "https://b"]);
        (settings.timeout.map(|timeout| timeout.as_secs()), settings.longest.as_secs(), settings.largest)
    };
    assert_eq!(settings(&[]), (Some(90), 600, 4 << 30));
    let zeros = ["DEBUGINFOD_TIMEOUT", "DEBUGINFOD_MAXTIME", "DEBUGINFOD_MAXSIZE"].map(|name| (name, "0"));
    assert_eq!(settings(&zeros), (None, 600, 4 << 30));
    assert_eq!(settings(&zeros.map(|(name, _)| (name, "7"))), (Some(7), 7, 7));
    assert_eq!(settings(&zeros.map(|(name, _)| (name, "99999999999"))), (Some(99_999_999_999), 600, 4 << 30));
    assert_eq!(settings(&zeros.map(|(name, _)| (name, "x"))), (Some(90), 600, 4 << 30));
}

/// Starts debuginfod on a free port, and gives it `folder` to serve.
fn real_debuginfod(folder: &Path) -> (Killed, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let database = folder.join("database");
    let arguments = ["-p", &port, "-d", database.to_str().unwrap(), "-F", folder.to_str().unwrap()];
    let server = Command::new("debuginfod").args(arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut server = Killed(server.expect("debuginfod, of the package of the same name"));
    let url = format!("http://127.0.0.1:{port}");
    let start = Instant::now();
    // It answers before it has looked at all files.
    let has_it = || {
        let answer = ureq::get(format!("{url}/buildid/0123456789abcdef/debuginfo")).call();
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    while !has_it() {
        assert!(start.elapsed() < DEADLINE && server.0.try_wait().unwrap().is_none(), "debuginfod does not serve");
        thread::sleep(Duration::from_millis(50));
    }
    (server, url)
}

#[test]
fn what_a_real_debuginfod_has_is_where_its_own_client_looks_for_it() {
    let served = tempfile::tempdir().unwrap();
    compile(served.path(), "program", &["-g", ID_OPTION]);
    run("objcopy", &["--only-keep-debug", "program", "whole.debug"], served.path());
    run("strip", &["program"], served.path());
    let expected = fs::read(served.path().join("whole.debug")).unwrap();
    let (server, url) = real_debuginfod(served.path());
    // A server that is not there, one that fails, and the right one.
    let failing = Server::saying("500 Sorry", "");
    let client = Client::new(&format!("http://127.0.0.1:1 {} {url}/", failing.url), &[]);
    assert_eq!(client.fetch(), Download::Stored);
    assert_eq!(failing.asked(), 1);
    assert_eq!(client.files(), [("debuginfo".to_owned(), expected.len() as u64)]);
    assert_eq!(fs::read(client.folder().join("debuginfo")).unwrap(), expected);
    assert_eq!(fs::metadata(client.folder().join("debuginfo")).unwrap().permissions().mode() & 0o777, 0o400);
    assert_eq!(client.debuginfod.fetch(&[1, 2, 3]), Download::Failed, "another file");
    // elfutils' own client finds it there when the server is gone.
    drop(server);
    let found = Command::new("debuginfod-find")
        .args(["debuginfo", "0123456789abcdef"])
        .env("DEBUGINFOD_URLS", &url)
        .env("DEBUGINFOD_CACHE_PATH", client.cache.path().join("made/on/demand"))
        .output()
        .unwrap();
    let path = String::from_utf8(found.stdout).unwrap();
    assert_eq!(Path::new(path.trim()), client.folder().join("debuginfo"));
}

#[test]
fn what_no_server_has_is_remembered_in_the_cache() {
    let lacking = Server::saying("404 Not Found\r\ncontent-length: 9", "not found");
    let mut client = Client::new(&lacking.url, &[]);
    assert_eq!(client.fetch(), Download::Failed);
    assert_eq!(client.files(), [("debuginfo".to_owned(), 0)]);
    assert_eq!(client.fetch(), Download::Failed);
    assert_eq!(lacking.asked(), 1);
    // So does another run, until the mark is too old.
    let again = |client: &mut Client, urls: &str| {
        let cache = client.folder().parent().unwrap().to_owned();
        client.debuginfod = Debuginfod::new(&cache, &|name| (name == "DEBUGINFOD_URLS").then(|| urls.into())).unwrap();
        client.fetch()
    };
    assert_eq!(again(&mut client, &lacking.url), Download::Failed);
    assert_eq!(lacking.asked(), 1);
    let mark = File::options().write(true).open(client.folder().join("debuginfo")).unwrap();
    mark.set_modified(SystemTime::now() - ABSENT_FOR - Duration::from_secs(60)).unwrap();
    let having = Server::saying("200 OK", debug_file());
    assert_eq!(again(&mut client, &format!("{} {}", lacking.url, having.url)), Download::Stored);
    assert_eq!((lacking.asked(), having.asked()), (2, 1));
    assert_eq!(client.files(), [("debuginfo".to_owned(), debug_file().len() as u64)]);
}

#[test]
fn a_failure_is_not_remembered_as_absence() {
    for head in ["500 Sorry", "429 Slowly", "302 Found\r\nlocation: /again", "204 No Content"] {
        let client = Client::new(&Server::saying(head, "").url, &[]);
        assert_eq!(client.fetch(), Download::Failed, "{head}");
        assert_eq!(client.files(), [], "{head}");
    }
}

#[test]
fn what_does_not_belong_is_not_kept() {
    let right = debug_file();
    let length = right.len();
    let sized = |length: usize| format!("200 OK\r\ncontent-length: {length}");
    let mut other = right.clone();
    let at = other.windows(8).position(|bytes| bytes == ID).unwrap();
    other[at] ^= 1;
    let cases = [
        ("text", sized(4), b"text".to_vec()),
        ("nothing", sized(0), Vec::new()),
        ("another id", sized(length), other),
        ("cut by the connection", sized(length), right[..length / 2].to_vec()),
        ("cut by the server", sized(1000), right[..1000].to_vec()),
        ("a wrong chunk", "200 OK\r\ntransfer-encoding: chunked".into(), b"zz\r\n".to_vec()),
        ("larger than allowed", sized(usize::MAX), right.clone()),
    ];
    for (case, head, body) in cases {
        let client = Client::new(&Server::saying(head, body).url, &[]);
        assert_eq!(client.fetch(), Download::Failed, "{case}");
        assert_eq!(client.files(), [], "{case}");
    }
    let client = Client::new(&Server::saying("200 OK", right).url, &[]);
    assert_eq!(client.fetch(), Download::Stored);
}

#[test]
fn the_size_is_limited_whether_it_is_declared_or_not() {
    let right = debug_file();
    let length = right.len();
    for (head, limit, outcome) in [
        (format!("200 OK\r\ncontent-length: {length}"), length, Download::Stored),
        (format!("200 OK\r\ncontent-length: {length}"), length - 1, Download::Failed),
        ("200 OK".to_owned(), length, Download::Stored),
        ("200 OK".to_owned(), length - 1, Download::Failed),
    ] {
        let (head, body) = (head.clone(), right.clone());
        let told = Arc::new(Mutex::new(String::new()));
        let request = told.clone();
        let server = Server::new(move |stream, text| {
            text.clone_into(&mut request.lock().unwrap());
            stream.write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes())?;
            stream.write_all(&body)
        });
        let client = Client::new(&server.url, &[("DEBUGINFOD_MAXSIZE", &limit.to_string())]);
        assert_eq!(client.fetch(), outcome);
        let told = told.lock().unwrap().to_ascii_lowercase();
        assert!(told.starts_with("get /buildid/0123456789abcdef/debuginfo http/1.1\r\n"), "{told}");
        assert!(told.contains(&format!("\r\nx-debuginfod-maxsize: {limit}\r\n")), "{told}");
    }
}

#[test]
fn a_server_that_is_silent_or_slow_is_not_waited_for() {
    let silent = || Server::new(|stream, _| stream.read(&mut [0; 1]).map(|_| ()));
    let dripping = || {
        Server::new(|stream, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")?;
            loop {
                stream.write_all(b"x")?;
                thread::sleep(Duration::from_millis(50));
            }
        })
    };
    let server = silent();
    let client = Client::new(&server.url, &[]);
    // It is asked for more often than patience allows to wait in all; each time it is only pending.
    for _ in 0..100 {
        assert_eq!(client.debuginfod.fetch(&ID), Download::Pending);
    }
    assert_eq!(*client.debuginfod.patience_left.lock().unwrap(), Duration::ZERO);
    // The rest wait for the first, in a queue that has an end.
    for number in 0..=QUEUE as u32 {
        assert_eq!(client.debuginfod.fetch(&number.to_le_bytes()), Download::Pending);
    }
    assert!(client.debuginfod.shared.downloads.lock().unwrap().len() <= QUEUE + 1);

    for (server, variable) in [
        (silent(), "DEBUGINFOD_TIMEOUT"),
        (silent(), "DEBUGINFOD_MAXTIME"),
        (dripping(), "DEBUGINFOD_TIMEOUT"),
        (dripping(), "DEBUGINFOD_MAXTIME"),
    ] {
        let client = Client::new(&server.url, &[(variable, "1")]);
        assert_eq!(client.fetch(), Download::Failed, "{variable}");
        assert_eq!(client.files(), [], "{variable}");
    }
}

/// The child of `https_with_the_systems_certificates`, which has the certificate among those of the system.
#[test]
fn in_a_process_with_another_certificate() {
    let Ok(url) = std::env::var("RENACER_HTTPS_TEST") else { return };
    let client = Client::new(&url, &[]);
    println!("outcome: {:?}", client.fetch());
}

#[test]
fn https_with_the_systems_certificates() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), debug_file()).unwrap();
    let name =
        ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"];
    let key = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key.pem",
        "-out",
        "certificate.pem",
        "-days",
        "2",
    ];
    run("openssl", &[&key[..], &name].concat(), folder.path());
    let text = "
import http.server, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = open('file', 'rb').read()
        self.send_response(200)
        self.send_header('Content-Length', len(data))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *rest): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('certificate.pem', 'key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
";
    let mut python = Command::new("python3");
    let mut server = Killed(
        python
            .args(["-c", text])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let url = format!("https://localhost:{}", port.trim());
    let outcome = |certificates: Option<PathBuf>| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "debuginfod::tests::in_a_process_with_another_certificate", "--nocapture"]);
        child.env("RENACER_HTTPS_TEST", &url).env_remove("SSL_CERT_DIR");
        if let Some(path) = certificates {
            child.env("SSL_CERT_FILE", path);
        }
        let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
        output.split_once("outcome: ").expect("an outcome").1.lines().next().unwrap().to_owned()
    };
    assert_eq!(outcome(Some(folder.path().join("certificate.pem"))), "Stored");
    assert_eq!(outcome(None), "Failed", "not trusted");
}
