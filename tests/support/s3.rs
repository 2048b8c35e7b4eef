//! A server that speaks S3's protocol, and a way to it that can be cut.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{Answer, Project};

/// moto's server with the bucket `team`; ends with this.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<std::process::ChildStdout>,
    pub(crate) endpoint: String,
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(
            root.join(".moto/.done").exists(),
            "there is no server yet: `make moto` fetches it"
        );
        let mut child = Command::new("python3")
            .arg(root.join("tests/s3/serve.py"))
            .arg(root.join(".moto"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        Self {
            child,
            stdin,
            stdout,
            endpoint: text("endpoint"),
            key: text("key"),
            secret: text("secret"),
        }
    }

    /// Runs the program with this server as its S3.
    pub(crate) fn run(&self, project: &Project, arguments: &str) -> Answer {
        self.run_by(project, arguments, &self.endpoint, &self.secret)
    }

    /// The same, which must end well.
    pub(crate) fn done(&self, project: &Project, arguments: &str) -> Answer {
        let answer = self.run(project, arguments);
        assert_eq!(answer.code, 0, "{arguments}\n{}\n{}", answer.stdout, answer.stderr);
        answer
    }

    /// Runs the program with another way to the server, or another secret.
    pub(crate) fn run_by(&self, project: &Project, arguments: &str, endpoint: &str, secret: &str) -> Answer {
        let mut command = project.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", &self.key)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_REGION", "us-east-1");
        Answer::of(command.output().unwrap())
    }

    /// The names in the bucket that begin so.
    pub(crate) fn list(&mut self, prefix: &str) -> Vec<String> {
        let names = self.ask(&json!({"do": "list", "prefix": prefix}));
        serde_json::from_value(names).unwrap()
    }

    pub(crate) fn get(&mut self, key: &str) -> String {
        self.ask(&json!({"do": "get", "key": key})).as_str().unwrap().to_owned()
    }

    pub(crate) fn put(&mut self, key: &str, text: &str) {
        self.ask(&json!({"do": "put", "key": key, "text": text}));
    }

    fn ask(&mut self, command: &Value) -> Value {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.wait();
    }
}

/// Passes connections on to a server, and cuts them when so many bytes have gone to it.
pub(crate) struct Wire {
    pub(crate) endpoint: String,
    /// Bytes that may still pass.
    left: Arc<AtomicI64>,
    /// How many connections were cut.
    cuts: Arc<AtomicUsize>,
}

impl Wire {
    pub(crate) fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let target = server.endpoint.strip_prefix("http://").unwrap().to_owned();
        let (left, cuts) = (Arc::new(AtomicI64::new(i64::MAX)), Arc::new(AtomicUsize::new(0)));
        let (limit, count) = (Arc::clone(&left), Arc::clone(&cuts));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&target) else {
                    return;
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (limit, count) = (Arc::clone(&limit), Arc::clone(&count));
                std::thread::spawn(move || pass(from, to, Some((&limit, &count))));
                std::thread::spawn(move || pass(server, client, None));
            }
        });
        Self { endpoint, left, cuts }
    }

    /// From now on so many bytes pass; whatever connection sends more is cut.
    pub(crate) fn cut_after(&self, bytes: i64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    /// Passes everything again.
    pub(crate) fn mend(&self) {
        self.left.store(i64::MAX, Ordering::SeqCst);
    }

    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, limit: Option<(&AtomicI64, &AtomicUsize)>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
    {
        if let Some((left, cuts)) = limit
            && left.fetch_sub(count as i64, Ordering::SeqCst) < count as i64
        {
            cuts.fetch_add(1, Ordering::SeqCst);
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
