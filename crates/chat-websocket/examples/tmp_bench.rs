#![allow(clippy::all, clippy::print_stdout, clippy::unwrap_used, reason = "tmp")]
use chat_websocket::*;
use std::{hint::black_box, time::Instant};
fn main() {
    println!("decoder size {}", size_of::<Decoder>());
    for len in [20usize, 200, 2000, 60000] {
        let n = 20_000_000 / (len + 50);
        let p = "a".repeat(len);
        let t = Instant::now();
        for _ in 0..n { black_box(encode(Opcode::Text, black_box(p.as_bytes()))); }
        println!("encode {len}: {:?}/frame", t.elapsed() / n as u32);
        let mut v = Vec::with_capacity(1 << 20);
        let t = Instant::now();
        for _ in 0..n { if v.len() > 500_000 { v.clear(); } encode_into(&mut v, Opcode::Text, black_box(p.as_bytes())); }
        println!("encode_into {len}: {:?}/frame", t.elapsed() / n as u32);
        let t = Instant::now();
        for _ in 0..n { if v.len() > 500_000 { v.clear(); } encode_masked_into(&mut v, Opcode::Text, black_box(p.as_bytes()), [1,2,3,4]); }
        println!("encode_masked_into {len}: {:?}/frame", t.elapsed() / n as u32);
        let f = encode_masked(Opcode::Text, p.as_bytes(), [1, 2, 3, 4]);
        let per = (60_000 / f.len()).max(1);
        let batch: Vec<u8> = f.repeat(per);
        let rounds = n / per + 1;
        let mut d = Decoder::new(Role::Server, 1 << 20);
        let mut buf = batch.clone(); let mut c = 0usize;
        let t = Instant::now();
        for _ in 0..rounds { buf.copy_from_slice(&batch); d.feed(black_box(&mut buf), |i| if let Incoming::Text(t) = i { c += black_box(t).len() }).unwrap(); }
        println!("decode server {len}: {:?}/frame", t.elapsed() / (rounds * per) as u32);
        let f = encode(Opcode::Text, p.as_bytes());
        let batch: Vec<u8> = f.repeat(per); let mut buf = batch.clone();
        let mut d = Decoder::new(Role::Client, 1 << 20);
        let t = Instant::now();
        for _ in 0..rounds { buf.copy_from_slice(&batch); d.feed(black_box(&mut buf), |i| if let Incoming::Text(t) = i { c += black_box(t).len() }).unwrap(); }
        println!("decode client {len}: {:?}/frame", t.elapsed() / (rounds * per) as u32);
    }
}
