//! Lets cargo build anew when the page, which `make web` writes, has changed.

fn main() {
    let page = "../../web/dist";
    println!("cargo:rerun-if-changed={page}");
    if !std::path::Path::new(page).join("index.html").exists() {
        println!("cargo:warning=web/dist is not there, so this binary has no page: run `make web` first");
    }
}
