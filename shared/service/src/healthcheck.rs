//! `healthz`: asks the service that runs beside this process whether it lives. An image without a shell has nothing
//! else that a container's health check could run.
//!
//! It needs none of the service's settings but `HEALTH_ADDR`, from the environment that both have.

use std::{
    env::{self, VarError},
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use clap::Command;

use crate::Failure;

/// The command's name.
pub(crate) const COMMAND: &str = "healthz";
/// The setting that says where the service answers.
const ADDRESS: &str = "HEALTH_ADDR";
/// How long each of connecting, asking and hearing the answer may take: an engine waits three seconds by the images'
/// own setting, and an answer that takes longer than a second on the same machine is as bad as none.
const PATIENCE: Duration = Duration::from_secs(1);
/// In 1.0, so that the service closes the connection by itself.
const QUESTION: &[u8] = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n";
/// As much of the answer as says whether it is a good one: `HTTP/1.0 200`.
const VERDICT: usize = 12;

/// Whether that is all that is asked for. The service's other settings may then be missing.
pub(crate) fn is_asked_for(command: &Command, arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut arguments = arguments.into_iter().skip(1);
    let first = arguments.next();
    serves_health(command) && first.is_some_and(|first| first == COMMAND) && arguments.next().is_none()
}

/// The same command line, with this command if it is that of a service that tells its health.
pub(crate) fn shown_in(command: Command) -> Command {
    if !serves_health(&command) {
        return command;
    }
    command.subcommand(
        Command::new(COMMAND)
            .about("Ask the service that runs beside this process, at HEALTH_ADDR, whether it lives; for containers")
            .long_about(
                "Ask the service that runs beside this process, at the HEALTH_ADDR of the environment, whether it \
                 lives: for the health check of a container.\n\nNo other setting is needed. It ends with 0 if the \
                 service answers well, and with 1 if not.",
            ),
    )
}

/// Asks.
///
/// # Errors
/// [`Failure::Negative`] if the service does not answer well; [`Failure::Setting`] if nothing says where it is.
pub(crate) fn ask() -> Result<(), Failure> {
    let address = address(env::var(ADDRESS))?;
    match answer(address) {
        Ok(verdict) if verdict.ends_with(b" 200") => Ok(()),
        Ok(verdict) => {
            Err(Failure::Negative(format!("{address} answers {}", String::from_utf8_lossy(&verdict))))
        }
        Err(error) => Err(Failure::Negative(format!("{address} does not answer: {error}"))),
    }
}

fn serves_health(command: &Command) -> bool {
    command.get_arguments().any(|argument| argument.get_env() == Some(OsStr::new(ADDRESS)))
}

/// Where to ask a service that listens there: one that listens everywhere is asked on loopback.
fn address(setting: Result<String, VarError>) -> Result<SocketAddr, Failure> {
    let setting = setting.map_err(|_| Failure::setting(ADDRESS, "is missing in the environment"))?;
    let address: SocketAddr =
        setting.parse().map_err(|_| Failure::setting(ADDRESS, "must be an address and a port"))?;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, address.port()))
}

fn answer(address: SocketAddr) -> io::Result<[u8; VERDICT]> {
    let mut service = TcpStream::connect_timeout(&address, PATIENCE)?;
    service.set_read_timeout(Some(PATIENCE))?;
    service.set_write_timeout(Some(PATIENCE))?;
    service.write_all(QUESTION)?;
    let mut verdict = [0; VERDICT];
    service.read_exact(&mut verdict)?;
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use clap::Arg;

    use super::*;
    use crate::{Health, Shutdown};

    fn asked(arguments: &[&str]) -> bool {
        let command = Command::new("usher-any").arg(Arg::new("health").long("health-addr").env(ADDRESS));
        is_asked_for(&command, arguments.iter().map(OsString::from))
    }

    #[test]
    fn it_is_asked_for_by_its_name_alone() {
        assert!(asked(&["usher-any", "healthz"]));
        assert!(!asked(&["usher-any"]));
        assert!(!asked(&["usher-any", "help", "healthz"]));
        assert!(!asked(&["usher-any", "healthz", "--help"]));
        let tells_no_health = Command::new("usher");
        assert!(!is_asked_for(&tells_no_health, ["usher", "healthz"].map(OsString::from)));
    }

    #[test]
    fn a_service_that_listens_everywhere_is_asked_on_loopback() {
        let at = |setting: &str| address(Ok(setting.to_owned())).unwrap().to_string();
        assert_eq!(at("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(at("[::]:8080"), "[::1]:8080");
        assert_eq!(at("10.0.0.7:8080"), "10.0.0.7:8080");
    }

    #[test]
    fn a_setting_that_names_no_address_is_named() {
        for setting in [Err(VarError::NotPresent), Ok(String::new()), Ok("8080".to_owned())] {
            let failure = address(setting).unwrap_err();
            assert!(matches!(failure, Failure::Setting { setting: ADDRESS, .. }), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_service_that_lives_answers_well() {
        let (bound, _serving) =
            Health::new().serve("127.0.0.1:0".parse().unwrap(), Shutdown::new()).await.unwrap();
        let verdict = tokio::task::spawn_blocking(move || answer(bound)).await.unwrap().unwrap();
        assert!(verdict.ends_with(b" 200"), "{}", String::from_utf8_lossy(&verdict));
    }

    #[test]
    fn one_that_hangs_is_given_up_within_seconds() {
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = mute.local_addr().unwrap();
        // Accepts, and says nothing.
        let accepted = thread::spawn(move || mute.accept().unwrap());
        assert!(answer(address).is_err());
        accepted.join().unwrap();
    }
}
