use clap::Parser;
use std::time::{Duration, Instant};
use usher_bus::*;
#[derive(Parser)]
struct C {
    #[arg(long)]
    ca: Option<std::path::PathBuf>,
    #[command(flatten)]
    bus: BusSettings,
    #[arg(long, default_value = "func")]
    mode: String,
    #[arg(long, default_value = "users")]
    topic: String,
    #[arg(long, default_value = "welcome")]
    sub: String,
    #[arg(long, default_value_t = 20000)]
    n: usize,
}
fn m(i: usize) -> Message {
    Message::new(format!("m-{i}-{}", uuid::Uuid::new_v4()), format!("{{\"n\":{i}}}"))
        .with_property("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .with_property("eventType", "x")
}
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let c = C::parse();
    let bus = ServiceBus::connect(&c.bus, c.ca.as_deref())?;
    let e = Entity::subscription(&c.topic, &c.sub);
    let p = bus.publisher(&c.topic).await?;
    let r = bus.receiver(&e).await?;
    if c.mode == "bench" {
        let t = Instant::now();
        p.publish((0..c.n).map(m).collect()).await?;
        println!("send {:.0}/s", c.n as f64 / t.elapsed().as_secs_f64());
        let t = Instant::now();
        r.add_credit(500);
        let mut set = tokio::task::JoinSet::new();
        let sem = std::sync::Arc::new(tokio::sync::Semaphore::new(200));
        for _ in 0..c.n {
            let d = r.next().await?;
            let r = r.clone();
            let permit = sem.clone().acquire_owned().await?;
            set.spawn(async move {
                r.settle(d.lock, Settlement::Complete).await.unwrap();
                r.add_credit(1);
                drop(permit);
            });
        }
        while set.join_next().await.is_some() {}
        println!(
            "recv+complete {:.0}/s {}",
            c.n as f64 / t.elapsed().as_secs_f64(),
            std::fs::read_to_string("/proc/self/status")?
                .lines()
                .filter(|l| l.starts_with("VmHWM"))
                .collect::<String>()
        );
        return Ok(());
    }
    p.publish((0..6).map(m).collect()).await?;
    println!("sent");
    r.add_credit(4);
    let d = r.next().await?;
    println!("{d:?} {:?}", d.message.properties);
    println!("renew {:?}", r.renew(&[d.lock]).await);
    println!("complete {:?}", r.settle(d.lock, Settlement::Complete).await);
    println!("complete again {:?}", r.settle(d.lock, Settlement::Complete).await);
    let d = r.next().await?;
    println!("abandon {:?}", r.settle(d.lock, Settlement::Abandon).await);
    let d = r.next().await?;
    println!("{} release {:?}", d.delivery_count, r.settle(d.lock, Settlement::Release).await);
    let d = r.next().await?;
    println!(
        "{} dl {:?}",
        d.delivery_count,
        r.settle(d.lock, Settlement::DeadLetter { reason: "R".into(), description: "D".into() }).await
    );
    println!("peek {:?}", r.peek(0, 10).await.map(|v| v.len()));
    r.add_credit(10);
    let a = r.next().await?;
    let b = r.next().await?;
    let t = Instant::now();
    println!("withdrawn {:?} in {:?}", r.withdraw_credit().await.map(|v| v.len()), t.elapsed());
    println!("renew2 {:?}", r.renew(&[a.lock, d.lock, b.lock]).await);
    println!(
        "settle on drained link {:?} {:?}",
        r.settle(a.lock, Settlement::Release).await,
        r.settle(b.lock, Settlement::Complete).await
    );
    println!("nothing {:?}", tokio::time::timeout(Duration::from_millis(300), r.next()).await.is_err());
    r.add_credit(1);
    println!("again {:?}", r.next().await.map(|d| d.delivery_count));
    let dl = bus.receiver(&e.dead_letters()).await?;
    dl.add_credit(1);
    let d = dl.next().await?;
    println!("dlq {:?}", d.message.dead_letter());
    println!("{:?}", dl.settle(d.lock, Settlement::Complete).await);
    println!(
        "nope {:?} {:?}",
        bus.publisher("nope").await.err(),
        bus.receiver(&Entity::subscription("nope", "x")).await.err()
    );
    let t = Instant::now();
    bus.close().await;
    println!("closed in {:?} {:?}", t.elapsed(), r.next().await.err());
    Ok(())
}
