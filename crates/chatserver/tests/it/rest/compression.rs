//! Compressed responses: which encoding a client gets, what stays plain, and how much it saves.

use std::io::Read;

use serde_json::json;

use crate::support::{Answer, Request, Server, Setup, User};

/// Texts as people write them, of some ninety letters.
fn letter(number: usize) -> String {
    let words = [
        "please", "look", "at", "the", "deploy", "before", "lunch", "train", "was", "late", "again", "and",
        "I", "could", "not", "finish", "answers", "mouse", "cheese", "tomorrow", "garden", "question",
        "weather",
    ];
    let mut state = number + 1;
    let chosen = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        words[(state >> 33) % words.len()]
    });
    chosen.take(17).collect::<Vec<_>>().join(" ")
}

async fn written(server: &Server, count: usize) -> (User, String) {
    let (tom, jerry) = server.tom_and_jerry().await;
    for number in 0..count {
        tom.post(
            &format!("/v1/messages/p2p/{}", jerry.id),
            &json!({"content": letter(number), "client_msg_id": format!("0193{number:08x}-7abc-8abc-{:012x}", number * 7_919)}),
        )
        .await
        .expect(201);
    }
    (jerry, format!("/v1/messages/history/{}?limit={count}", tom.id))
}

fn inflated(answer: &Answer) -> Vec<u8> {
    let mut plain = Vec::new();
    match answer.header("content-encoding").unwrap() {
        "zstd" => plain = zstd::decode_all(&answer.body[..]).unwrap(),
        "br" => drop(brotli::Decompressor::new(&answer.body[..], 4096).read_to_end(&mut plain).unwrap()),
        "gzip" => drop(flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut plain).unwrap()),
        other => panic!("{other}"),
    }
    plain
}

async fn accepting(user: &User, path: &str, accepted: &str) -> Answer {
    user.send(Request::get(path).header("Accept-Encoding", accepted)).await
}

#[tokio::test]
async fn a_page_comes_in_the_encoding_that_the_client_prefers() {
    let server = Server::start();
    let (jerry, path) = written(&server, 50).await;
    let plain = jerry.get(&path).await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    assert_eq!(plain.json()["count"], 50);
    for (accepted, encoding) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd", "zstd"),
        ("br", "br"),
        ("gzip", "gzip"),
        ("gzip, deflate, br", "br"),
        ("GZIP", "gzip"),
        ("zstd;q=0.5, br;q=0.8, gzip;q=0.9", "gzip"),
        ("zstd;q=0, br;q=0, gzip;q=0.1", "gzip"),
    ] {
        let answer = accepting(&jerry, &path, accepted).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-encoding"), Some(encoding), "{accepted}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        assert_eq!(inflated(&answer), plain.body, "{accepted}");
        assert!(answer.body.len() * 2 <= plain.body.len(), "{} of {}", answer.body.len(), plain.body.len());
        let head = Request::new("HEAD", &path).header("Accept-Encoding", accepted);
        let head = jerry.send(head).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        for name in ["content-encoding", "content-length", "vary"] {
            assert_eq!(head.header(name), answer.header(name), "{name}");
        }
    }
    for accepted in ["", "identity", "deflate", "compress, x-gzip;q=0", "br;q=0, gzip;q=0, zstd;q=0"] {
        let answer = accepting(&jerry, &path, accepted).await;
        assert_eq!(answer.header("content-encoding"), None, "{accepted}");
        assert_eq!(answer.body, plain.body, "{accepted}");
    }
}

#[tokio::test]
async fn a_large_response_is_compressed_as_a_whole() {
    let server = Server::start();
    let (jerry, path) = written(&server, 120).await;
    let plain = jerry.get(&path).await;
    assert!(plain.body.len() > 48 * 1024, "{}", plain.body.len());
    for encoding in ["zstd", "br", "gzip"] {
        let answer = accepting(&jerry, &path, encoding).await;
        assert_eq!(answer.header("content-encoding"), Some(encoding));
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        assert_eq!(inflated(&answer), plain.body);
    }
}

#[tokio::test]
async fn small_responses_and_documents_stay_plain() {
    let server = Server::start();
    let (jerry, _) = written(&server, 1).await;
    for path in
        ["/ping", "/v1/users", "/v1/chats", "/v1/unread", "/openapi.json", "/v1/nothing", "/v1/users/999"]
    {
        let answer = accepting(&jerry, path, "gzip, br, zstd").await;
        assert_eq!(answer.header("content-encoding"), None, "{path}");
        let of_rest = path != "/openapi.json";
        assert!(!of_rest || answer.body.len() <= 1024, "{path} is not small: {}", answer.body.len());
        answer.json();
    }
}

#[tokio::test]
async fn compression_can_be_switched_off() {
    let server = Setup::new().env("COMPRESSION", "off").start();
    let (jerry, path) = written(&server, 5).await;
    let answer = accepting(&jerry, &path, "gzip, br, zstd").await;
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None));
    assert!(answer.body.len() > 1024);
    answer.expect(200);
}
