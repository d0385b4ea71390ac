//! Generates tonic's client and server as from a .proto file, without protoc.
//!
//! The messages are the well-known wrappers `Int64Value` and `BytesValue`, which
//! prost has as `i64` and `Bytes`.

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

fn main() {
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
}

fn method(name: &str, route: &str, message: &str) -> MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(message)
        .output_type(message)
        .codec_path("tonic_prost::ProstCodec")
}
