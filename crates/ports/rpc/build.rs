//! Compiles the contract between roles, without a `protoc` on the machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../proto");
    let files = ["conferencing.proto", "linetest.proto", "mixing.proto"];
    for file in files {
        println!("cargo:rerun-if-changed={}", root.join(file).display());
    }
    let descriptors = protox::compile(files, [&root])?;
    // A hello carries a code and a PIN: its `Debug` is written by hand, so that no log can show them;
    // so is that of who has said a name.
    tonic_prost_build::configure()
        .codec_path("crate::codec::LeanCodec")
        .skip_debug([
            "partyline.conferencing.v1.Hello",
            "partyline.conferencing.v1.BecomeHost",
            "partyline.conferencing.v1.KeepNameRequest",
            "partyline.mixing.v1.PlayRequest",
        ])
        .compile_fds(descriptors)?;
    Ok(())
}
