use std::sync::Mutex as StdMutex;
use std::time::Duration;

use tokio::task::JoinSet;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn rates(requests: Option<u64>, input: Option<u64>, output: Option<u64>) -> Arc<Rates> {
    Rates::new(&ModelLimits {
        requests_per_minute: requests,
        input_tokens_per_minute: input,
        output_tokens_per_minute: output,
    })
}

fn shape(bytes: usize) -> Shape {
    Shape { bytes, slots: 1, cap: None }
}

async fn pass(rates: &Arc<Rates>, shape: Shape) -> Reservation {
    let turn = rates.turn(shape, Call::First).await;
    loop {
        turn.room().await;
        if let Some(mut reservation) = turn.take() {
            reservation.sent();
            return reservation;
        }
    }
}

/// A call that went out.
#[derive(Clone, Copy)]
struct Gone {
    number: usize,
    at: Instant,
    input: u64,
}

/// Sends `count` calls at once; each is answered after a second and takes `input(number)` tokens.
async fn run(rates: &Arc<Rates>, count: usize, input: impl Fn(usize) -> u64) -> Vec<Gone> {
    let gone = Arc::new(StdMutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (rates, gone, input) = (Arc::clone(rates), Arc::clone(&gone), input(number));
        tasks.spawn(async move {
            let reservation = pass(&rates, shape(400)).await;
            gone.lock().unwrap().push(Gone { number, at: Instant::now(), input });
            tokio::time::sleep(Duration::from_secs(1)).await;
            reservation.answered(input, 10);
        });
        // so that they line up in the order of their numbers
        tokio::task::yield_now().await;
    }
    tasks.join_all().await;
    gone.lock().unwrap().clone()
}

fn most_in_a_minute(gone: &[Gone], amount: impl Fn(&Gone) -> u64) -> u64 {
    let within = |from: Instant| gone.iter().filter(move |one| one.at >= from && one.at < from + MINUTE);
    gone.iter().map(|one| within(one.at).map(&amount).sum()).max().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn requests_come_in_order_never_above_the_limit_and_reach_it() {
    let start = Instant::now();
    let gone = run(&rates(Some(120), None, None), 1200, |_| 100).await;
    assert!(gone.iter().map(|one| one.number).eq(0..1200), "first come, first served");
    assert_eq!(most_in_a_minute(&gone, |_| 1), 120);
    // ten minutes' worth: the last of it goes out before the tenth minute ends
    let took = gone[1199].at - start;
    assert!(took > 9 * MINUTE && took < 10 * MINUTE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn input_tokens_stay_within_the_limit_and_come_near_it() {
    let start = Instant::now();
    let taken = |number: usize| 80 + (number % 5) as u64 * 10;
    let gone = run(&rates(None, Some(10_000), None), 1000, taken).await;
    let most = most_in_a_minute(&gone, |one| one.input);
    assert!(most <= 10_000, "{most}");
    let total: u64 = gone.iter().map(|one| one.input).sum();
    let took = (gone[999].at - start).as_secs_f64() / 60.0;
    assert!(took < 1.05 * total as f64 / 10_000.0, "{total} tokens took {took} minutes");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_took_less_lets_the_next_go_at_once() {
    let rates = rates(None, None, Some(300));
    let first = pass(&rates, shape(4)).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let second = tokio::spawn({
        let rates = Arc::clone(&rates);
        async move { pass(&rates, shape(4)).await }
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!second.is_finished(), "256 are expected, 44 are left");
    first.answered(1, 20);
    let waited = Instant::now();
    second.await.unwrap();
    assert_eq!(waited.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_holds_nobody_up_and_takes_nothing() {
    let rates = rates(Some(2), None, None);
    let start = Instant::now();
    drop(pass(&rates, shape(4)).await);
    for _ in 0..5 {
        let given_up = tokio::time::timeout(Duration::from_secs(1), pass(&rates, shape(4))).await;
        assert!(given_up.is_err(), "the second call of a minute keeps its distance from the first");
    }
    pass(&rates, shape(4)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    let turn = rates.turn(shape(4), Call::First).await;
    turn.room().await;
    assert_eq!(start.elapsed(), MINUTE);
    drop(turn.take());
    assert!(turn.take().is_some(), "what was not sent is given back");
}

#[tokio::test(start_paused = true)]
async fn refused_and_unreached_calls_give_their_tokens_back() {
    let rates = rates(Some(3), Some(100), None);
    pass(&rates, shape(400)).await.refused();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let start = Instant::now();
    pass(&rates, shape(400)).await.unreached();
    pass(&rates, shape(400)).await.refused();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn requests_that_have_called_go_before_those_that_have_not() {
    let rates = rates(Some(1), None, None);
    pass(&rates, shape(4)).await.refused();
    let gone = Arc::new(StdMutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for (number, call) in
        [Call::First, Call::First, Call::First, Call::Later, Call::Later].into_iter().enumerate()
    {
        let (rates, gone) = (Arc::clone(&rates), Arc::clone(&gone));
        tasks.spawn(async move {
            let turn = rates.turn(shape(4), call).await;
            turn.room().await;
            turn.take().unwrap().sent();
            gone.lock().unwrap().push(number);
        });
        tokio::task::yield_now().await;
    }
    tasks.join_all().await;
    assert_eq!(*gone.lock().unwrap(), [0, 3, 4, 1, 2], "the one whose turn it is keeps it");
}
