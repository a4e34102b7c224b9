//! The built program as a child, and a provider that answers as a test says.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// A test that waits longer for something has hung; nothing is asserted about time.
const HUNG: Duration = Duration::from_secs(60);

/// A call that the provider got.
#[derive(Debug, Clone)]
pub struct Call {
    pub headers: HashMap<String, String>,
    pub body: Value,
}

impl Call {
    /// The user's message.
    pub fn user(&self) -> &str {
        self.body["messages"][1]["content"].as_str().unwrap()
    }

    /// The system message.
    pub fn system(&self) -> &str {
        self.body["messages"][0]["content"].as_str().unwrap()
    }

    /// The indexes that are asked for; one item has none.
    pub fn asked(&self) -> Vec<usize> {
        let items = &self.body["response_format"]["json_schema"]["schema"]["properties"]["items"]["items"];
        let listed = items["properties"]["index"]["enum"].as_array().cloned().unwrap_or_default();
        listed.iter().map(|index| usize::try_from(index.as_u64().unwrap()).unwrap()).collect()
    }
}

/// What the provider does with a call.
pub enum Say {
    /// A chat completion with this content.
    Content(String),
    /// A chat completion as it is.
    Completion(Value),
    /// A status with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Nothing until the receiver's other end is dropped or sends.
    Wait(Arc<Mutex<Receiver<()>>>, String),
    /// The connection is closed.
    Hangup,
}

/// A chat completion around a message and a reason to stop.
pub fn completion(message: Value, finish: &str) -> Value {
    json!({
        "id": "c", "object": "chat.completion", "model": "mock-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "cost": 0.5}
    })
}

/// A provider in this process.
pub struct Provider {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Provider {
    /// Answers each call by `script`, which gets the call and its number from 0.
    pub fn start(script: impl Fn(&Call, usize) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let script = Arc::new(script);
        let seen = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                thread::spawn(move || serve(stream, &*script, &seen));
            }
        });
        Self { url, calls }
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Waits until `count` calls have come.
    pub fn wait_for(&self, count: usize) {
        wait_until(&format!("{count} calls"), || self.calls.lock().unwrap().len() >= count);
    }
}

/// Polls until `condition` holds.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..HUNG.as_millis() / 5 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("never came: {what}");
}

fn serve(stream: TcpStream, script: &(dyn Fn(&Call, usize) -> Say + Send + Sync), calls: &Mutex<Vec<Call>>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(call) = read_call(&mut reader) {
        let number = {
            let mut calls = calls.lock().unwrap();
            calls.push(call.clone());
            calls.len() - 1
        };
        let sent = match script(&call, number) {
            Say::Content(content) => {
                let body = completion(json!({"role": "assistant", "content": content}), "stop");
                respond(&mut writer, 200, &[], &body.to_string())
            }
            Say::Completion(body) => respond(&mut writer, 200, &[], &body.to_string()),
            Say::Status(status, headers, body) => respond(&mut writer, status, &headers, &body),
            Say::Wait(gate, content) => {
                let _ = gate.lock().unwrap().recv();
                let body = completion(json!({"role": "assistant", "content": content}), "stop");
                respond(&mut writer, 200, &[], &body.to_string())
            }
            Say::Hangup => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

fn read_call(reader: &mut BufReader<TcpStream>) -> Option<Call> {
    let mut line = String::new();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some((key, value)) => {
                headers.insert(key.to_lowercase(), value.to_owned());
            }
            None if line.trim().is_empty() => break,
            None => assert!(line.starts_with("POST /v1/chat/completions "), "{line}"),
        }
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    Some(Call { headers, body: serde_json::from_slice(&body).unwrap() })
}

fn respond(
    writer: &mut TcpStream,
    status: u16,
    headers: &[(&'static str, String)],
    body: &str,
) -> std::io::Result<()> {
    let extra: String = headers.iter().map(|(key, value)| format!("{key}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{extra}\r\n", body.len());
    writer.write_all(head.as_bytes())?;
    writer.write_all(body.as_bytes())
}

/// The program as a child.
pub struct Consumer {
    pub child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
}

impl Consumer {
    /// Starts it with `--stdio` and these arguments and variables.
    pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(&mut command(arguments, variables))
    }

    /// Starts this command of it.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        Self { child, stdin, lines }
    }

    /// Writes a line.
    pub fn send(&mut self, line: &Value) {
        self.send_raw(line.to_string().as_bytes());
        self.send_raw(b"\n");
    }

    /// Writes bytes.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    /// Ends its input.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// The next line it writes.
    pub fn line(&self) -> Value {
        match self.lines.recv_timeout(HUNG) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("no line came"),
            Err(RecvTimeoutError::Disconnected) => panic!("the output ended"),
        }
    }

    /// The lines up to and including the next of this kind.
    pub fn until(&self, kind: &str) -> Vec<Value> {
        let mut lines = vec![self.line()];
        while lines.last().unwrap()["kind"] != kind {
            lines.push(self.line());
        }
        lines
    }

    /// Ends its input, and waits for the remaining lines and its end.
    pub fn finish(mut self) -> (Vec<Value>, ExitStatus) {
        self.close();
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(HUNG) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        (lines, self.child.wait().unwrap())
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let done = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Peak resident memory in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, its variables cleared but for those given.
pub fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synthmill-consumer"));
    command.env_clear().envs(variables.iter().copied()).env("SYNTHMILL_LOG__LEVEL", "warning");
    command.arg("--stdio").args(arguments).stdin(Stdio::piped());
    command
}

/// Sends `requests`, ends the input, and returns all lines of a run that ends well.
pub fn run(arguments: &[&str], requests: &[Value]) -> Vec<Value> {
    let mut consumer = Consumer::start(arguments, &[]);
    for request in requests {
        consumer.send(request);
    }
    let (lines, status) = consumer.finish();
    assert!(status.success(), "{status}");
    lines
}

/// A request for `count` slots from `first` on, each with a `title` by the model; contents need not differ.
pub fn request(url: &str, job: &str, first: u64, count: u64) -> Value {
    let slots: Vec<Value> = (first..first + count)
        .map(|slot| json!({"slot": slot, "attributes": {"product": format!("p{slot}")}}))
        .collect();
    json!({
        "kind": "generation_request", "version": 1, "tenant": "default", "dataset": "demo", "job_id": job,
        "request_id": format!("{job}-1-{first}"), "round": 1, "recipe_hash": "a".repeat(64), "recipe_seed": 7,
        "model": {"route": "mock", "base_url": url, "api_key_env": null, "system": null, "parameters": {},
                  "timeout_seconds": 30.0},
        "columns": [{"kind": "llm", "name": "title", "prompt": "A title for {{ product }}.",
                     "json_schema": {"type": "string", "minLength": 2}}],
        "output": ["product", "title"], "unique": [], "record_schema": {"type": "object"},
        "slots": slots, "max_attempts": 4, "traceparent": null
    })
}

/// The documents of the lines of one kind.
pub fn of_kind<'lines>(lines: &'lines [Value], kind: &str) -> Vec<&'lines Value> {
    lines.iter().filter(|line| line["kind"] == kind).map(|line| &line["document"]).collect()
}

/// The kinds of all lines, in order.
pub fn kinds(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["kind"].as_str().unwrap()).collect()
}

/// One field of each document, as text.
pub fn texts<'doc>(documents: &[&'doc Value], field: &str) -> Vec<&'doc str> {
    documents.iter().map(|document| document[field].as_str().unwrap_or("-")).collect()
}

/// A title for a plain answer.
pub fn title(text: &str) -> String {
    json!({"title": text}).to_string()
}
