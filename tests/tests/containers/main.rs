//! The images, and `infra/compose.yaml`: made by Buildah as `infra/Containerfile` says, and run with what the kernel has for
//! it, since a machine for tests has no engine. Skipped, and said why, where Buildah or root's rights are missing.
//!
//! The programs in the images are those of `target/container` if that is as new as the sources
//! (`cargo build --profile container`, as in the Containerfile), else those that the test was built with. Only the former
//! are weighed.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod buildah;
mod compose;
mod container;
mod contents;
mod documented;
mod images;
mod layers;
mod life;
mod sbom;
mod together;
