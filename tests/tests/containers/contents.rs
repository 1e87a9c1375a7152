//! What is in the images, and what is not.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{
    buildah::output,
    images::{Images, images, local, programs},
};

const CONTAINERFILE: &str = include_str!("../../../infra/Containerfile");
/// In bytes, all layers together: 20 MB.
const LARGEST: u64 = 20_000_000;
/// Who runs in them.
const NOBODY: u32 = 65532;
/// The images whose program keeps files.
const WITH_A_VOLUME: [&str; 4] = ["usher-producer", "usher-sql", "usher-broker", "usher-sandbox"];
/// What every image has beside its program and shared libraries.
const COMMON: [&str; 7] = [
    "etc/group",
    "etc/nsswitch.conf",
    "etc/passwd",
    "etc/ssl/certs/ca-certificates.crt",
    "var/lib/dpkg/status.d/ca-certificates",
    "var/lib/dpkg/status.d/libc6",
    "var/lib/dpkg/status.d/libgcc-s1",
];

#[test]
fn each_program_has_a_target_of_its_name_in_the_containerfile_and_there_is_no_other() {
    let stages = CONTAINERFILE.lines().filter_map(|line| line.strip_prefix("FROM "));
    let targets: BTreeSet<_> = stages
        .filter_map(|stage| stage.split(" AS ").nth(1))
        .filter(|name| name.starts_with("usher"))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        targets,
        programs().into_iter().collect::<BTreeSet<_>>(),
        "a consumer needs a stage of its own; see that of billing"
    );
}

#[test]
fn an_image_holds_its_program_and_what_that_needs_and_neither_a_shell_nor_anything_else() {
    let Some(images) = images() else { return };
    for program in programs() {
        let root = Files::of(images, &program);
        let mut expected: BTreeSet<_> = COMMON.map(str::to_owned).into();
        expected.insert(format!("usr/bin/{program}"));
        expected.insert(format!("usr/share/sbom/{program}.cdx.json"));
        let (libraries, others): (BTreeSet<_>, BTreeSet<_>) =
            root.all().into_iter().partition(|file| file.starts_with("lib"));
        assert_eq!(others, expected, "{program}");
        for library in libraries {
            let name = library.rsplit('/').next().unwrap();
            let known = ["ld-linux", "libc.so.", "libm.so.", "libgcc_s.so."];
            assert!(known.iter().any(|known| name.starts_with(known)), "{program} has {library}");
        }
    }
}

#[test]
fn nothing_in_an_image_belongs_to_whom_it_runs_as_but_the_folder_for_its_data() {
    let Some(images) = images() else { return };
    for program in programs() {
        let root = Files::of(images, &program);
        let mut theirs = Vec::new();
        root.walk(&mut |path, metadata| {
            assert_eq!(metadata.mode() & 0o6002, 0, "{program}: {path:?} is setuid, or writable by all");
            if metadata.uid() == NOBODY {
                theirs.push(path.to_owned());
            }
        });
        let expected: &[&str] = if WITH_A_VOLUME.contains(&&*program) { &["data"] } else { &[] };
        assert_eq!(theirs, expected.iter().map(PathBuf::from).collect::<Vec<_>>(), "{program}");
    }
}

#[test]
fn an_image_says_who_runs_it_how_it_is_stopped_and_asked_for_its_health_and_where_it_is_from() {
    let Some(images) = images() else { return };
    for program in programs() {
        let config = images.config(&program);
        let path = format!("/usr/bin/{program}");
        assert_eq!(
            config.user,
            format!("{NOBODY}:{NOBODY}"),
            "{program}: as a number, so that an engine sees it"
        );
        assert_eq!(config.entrypoint, [&*path]);
        assert_eq!(config.stop_signal, "SIGTERM");
        let is_service = program != "usher";
        let check = config.healthcheck.map(|check| check.test).unwrap_or_default();
        assert_eq!(check, if is_service { vec!["CMD", &*path, "healthz"] } else { vec![] }, "{program}");
        assert_eq!(config.exposed_ports.contains_key("8080/tcp"), is_service, "{program}");
        let label = |name: &str| config.labels[&format!("org.opencontainers.image.{name}")].as_str().unwrap();
        assert_eq!(label("title"), program);
        assert_eq!(
            label("version"),
            env!("CARGO_PKG_VERSION"),
            "the Containerfile's VERSION is the workspace's"
        );
        assert_eq!(label("licenses"), "MIT OR Apache-2.0");
        assert!(
            !label("source").is_empty() && !label("revision").is_empty() && !label("description").is_empty()
        );
    }
}

#[test]
fn no_image_is_larger_than_20_mb() {
    let Some(images) = images() else { return };
    let sizes: Vec<_> = programs().into_iter().map(|program| (images.size(&program), program)).collect();
    let table = sizes.iter().map(|(size, program)| format!("{program} {:.1} MB\n", *size as f64 / 1e6));
    println!("{}", table.collect::<String>());
    if !images.as_shipped {
        // To compile what is shipped takes as long as all other tests: `make sizes` does it, and asks for this.
        assert!(std::env::var_os("USHER_SIZES").is_none(), "only what is shipped can be weighed");
        return;
    }
    for (size, program) in sizes {
        assert!(size <= LARGEST, "{program} has {size} bytes");
    }
}

#[test]
fn each_program_runs_in_buildahs_own_isolation_and_a_shell_is_not_to_be_found() {
    let Some(images) = images() else { return };
    for program in programs() {
        let working = images.buildah.run(["from", "--pull-never", &local(&program)]);
        let run = |command: &[&str]| {
            let isolated = ["run", "--isolation", "chroot", "--network", "host", &working, "--"];
            let mut run = images.buildah.command(isolated);
            run.args(command);
            run
        };
        let path = format!("/usr/bin/{program}");
        let said = output(&mut run(&[&path, "--version"]));
        assert_eq!(said, format!("{program} {}", env!("CARGO_PKG_VERSION")));
        let shell = run(&["sh", "-c", "true"]).output().unwrap();
        assert!(!shell.status.success(), "{program} has a shell");
        images.buildah.run(["rm", &working]);
    }
}

/// The files of an image, in a working container that goes with this.
struct Files {
    images: &'static Images,
    name: String,
    root: PathBuf,
}

impl Files {
    fn of(images: &'static Images, program: &str) -> Self {
        let name = images.buildah.run(["from", "--pull-never", &local(program)]);
        let root = images.buildah.run(["mount", &name]).into();
        Self { images, name, root }
    }

    /// The paths of all files, without those that an engine makes by itself.
    fn all(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        self.walk(&mut |path, metadata| {
            if !metadata.is_dir() {
                all.insert(path.display().to_string());
            }
        });
        all
    }

    fn walk(&self, see: &mut dyn FnMut(&Path, &fs::Metadata)) {
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                see(path.strip_prefix(&self.root).unwrap(), &metadata);
                if metadata.is_dir() {
                    folders.push(path);
                }
            }
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left of it the next run removes.
        let _ = self.images.buildah.command(["rm", &self.name]).output();
    }
}
