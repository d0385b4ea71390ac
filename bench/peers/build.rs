//! Generates tonic's client and server as from a .proto file, without protoc, and
//! tells the program the versions of the peers.
//!
//! The messages are the well-known wrappers `Int64Value` and `BytesValue`, which
//! prost has as `i64` and `Bytes`.

use std::{fs, io};

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

fn main() -> io::Result<()> {
    let numbers = |name, route| method(name, route, "i64");
    let blocks = |name, route| method(name, route, "::bytes::Bytes");
    let service = Service::builder()
        .package("peers")
        .name("Peer")
        .method(numbers("square", "Square").build())
        .method(numbers("squares", "Squares").client_streaming().server_streaming().build())
        .method(blocks("echo", "Echo").build())
        .method(blocks("echoes", "Echoes").client_streaming().server_streaming().build())
        .build();
    Builder::new().compile(&[service]);

    let lock = fs::read_to_string("Cargo.lock")?;
    for (variable, name) in [("TONIC", "tonic"), ("TARPC", "tarpc")] {
        println!("cargo::rustc-env={variable}={}", version(&lock, name)?);
    }
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

fn method(name: &str, route: &str, message: &str) -> MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(message)
        .output_type(message)
        .codec_path("tonic_prost::ProstCodec")
}

fn version<'a>(lock: &'a str, name: &str) -> io::Result<&'a str> {
    let (_, rest) = lock
        .split_once(&format!("name = \"{name}\"\nversion = \""))
        .ok_or_else(|| io::Error::other(format!("Cargo.lock has no {name}")))?;
    Ok(rest.split('"').next().unwrap_or_default())
}
