use std::time::Duration;

use tokio::time::timeout;
use usher_http::Failure as Failed;

use super::*;
use crate::{
    Down,
    testing::{Greeter, GreeterCommand, Greeting},
};

async fn start(class: FailureClass) -> Result<(), Failure> {
    let failure = Failed::status(class, 404);
    check_destination(&Greeter {
        destination: Some(Err(Down { vendor: "Vendor", setting: "VENDOR_LIST", failure })),
    })
    .await
}

#[tokio::test]
async fn a_destination_that_refuses_us_ends_the_start_and_names_the_setting_to_mend() {
    for class in [FailureClass::Unauthorized, FailureClass::Refused] {
        let ended = start(class).await.unwrap_err();
        assert_eq!(ended.to_string(), "VENDOR_LIST: Vendor refuses it: 404");
        assert!(matches!(ended, Failure::Setting { setting: "VENDOR_LIST", .. }), "{ended:?}");
    }
}

#[tokio::test]
async fn a_destination_that_is_merely_down_is_waited_for() {
    for class in [FailureClass::Transient, FailureClass::Unreachable] {
        assert!(start(class).await.is_ok(), "{class:?}");
    }
    assert!(check_destination(&Greeter { destination: Some(Ok(())) }).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_keeps_silent_does_not_keep_the_start_waiting() {
    let start = check_destination(&Greeter { destination: None });
    assert!(timeout(Duration::from_secs(11), start).await.expect("a probe's time is over").is_ok());
}

async fn carry_out_as_greeter(command: GreeterCommand, shutdown: &Shutdown) -> Failure {
    let own = Greeting { greeting: "hi".into() };
    let settings = OwnSettings { http: HttpSettings::default(), own };
    carry_out::<Greeter>(settings, command, shutdown.clone()).await.unwrap_err()
}

#[tokio::test]
async fn a_command_of_its_own_is_carried_out_and_ends_as_it_says() {
    let ended = carry_out_as_greeter(GreeterCommand::Rehearse { name: "Ada".into() }, &Shutdown::new()).await;
    assert_eq!(ended.to_string(), "Ada is not there");
}

#[tokio::test]
async fn a_command_of_its_own_can_be_stopped() {
    let shutdown = Shutdown::new();
    let (ended, ()) = tokio::join!(carry_out_as_greeter(GreeterCommand::Wait, &shutdown), async {
        shutdown.request();
    });
    assert_eq!(ended.to_string(), "stopped");
}
