//! A folder as a bucket: a server that answers what a reader asks of S3, and remembers it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::{Answer, Project};

/// Serves a folder as `s3://team/x`.
pub(crate) struct Bucket {
    endpoint: String,
    asked: Arc<Asked>,
}

struct Asked {
    folder: PathBuf,
    /// The names that were asked for, in their order.
    names: Mutex<Vec<String>>,
    changed: Condvar,
    /// Objects are held back until so many records were asked for.
    records_first: usize,
}

impl Bucket {
    pub(crate) fn of(folder: PathBuf, records_first: usize) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", server.local_addr().unwrap());
        let asked = Arc::new(Asked {
            folder,
            names: Mutex::default(),
            changed: Condvar::new(),
            records_first,
        });
        let all = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in server.incoming().map_while(Result::ok) {
                let asked = Arc::clone(&all);
                std::thread::spawn(move || asked.answer(stream));
            }
        });
        Self { endpoint, asked }
    }

    /// Runs the program with this as its remote, which must end well.
    pub(crate) fn done(&self, project: &Project, arguments: &str) -> Answer {
        let mut command = project.command(&format!("{arguments} --remote s3://team/x --remote-mode read-only"));
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "hunter2-the-secret");
        let answer = Answer::of(command.output().unwrap());
        assert_eq!(answer.code, 0, "{arguments}\n{}\n{}", answer.stdout, answer.stderr);
        assert!(!(answer.stdout.clone() + &answer.stderr).contains("hunter2"));
        answer
    }

    /// How often what is in a folder of the remote was asked for.
    pub(crate) fn count(&self, folder: &str) -> usize {
        let names = self.asked.names.lock().unwrap();
        names.iter().filter(|name| name.starts_with(folder)).count()
    }
}

impl Asked {
    fn answer(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(name) = request(&mut stream) {
            self.names.lock().unwrap().push(name.clone());
            self.changed.notify_all();
            if name.starts_with("objects/") {
                let names = self.names.lock().unwrap();
                let is_early = |names: &mut Vec<String>| {
                    names.iter().filter(|name| name.starts_with("records/")).count() < self.records_first
                };
                // If they never are, the client gives up before.
                let wait = self
                    .changed
                    .wait_timeout_while(names, Duration::from_secs(60), is_early);
                drop(wait);
            }
            let (status, bytes) = match fs_err::read(self.folder.join(&name)) {
                Ok(bytes) => ("200 OK", bytes),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nETag: \"x\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: {}\r\n\r\n",
                bytes.len()
            );
            let answer = [head.as_bytes(), &bytes].concat();
            if stream.get_mut().write_all(&answer).is_err() {
                return;
            }
        }
    }
}

/// The name in a request.
fn request(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut first = String::new();
    stream.read_line(&mut first).ok()?;
    let name = first.strip_prefix("GET /team/x/")?.split(' ').next()?.to_owned();
    let mut line = String::new();
    while stream.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    Some(name)
}
