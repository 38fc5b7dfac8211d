//! The store as a process of the simulation sees it, with checks of every answer.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{Delivered, EventPatch, OrderId, OutboxEvent, Ticket, TicketId};
use fulfillment_door::Rules;
use fulfillment_store::*;
use fulfillment_tests::checker::Word;
use jiff::Timestamp;
use uuid::Uuid;

use super::world::{Life, lock};

/// The world's store, called by one process.
pub(super) struct Line(pub(super) Arc<Life>);

impl Line {
    async fn ask<T: Send>(
        &self,
        name: &'static str,
        question: impl Future<Output = Result<T>> + Send,
        judge: impl FnOnce(&T) + Send,
    ) -> Result<T> {
        let lost = || StoreError::Unavailable("the line is down".into());
        let effect = || {
            let answer = self.0.world.at_once(question)?;
            judge(&answer);
            Ok(answer)
        };
        self.0.call(name, lost, effect).await
    }

    /// A claim's fence is above all earlier ones.
    fn claimed(&self, claims: &[Claim]) {
        for claim in claims {
            self.0.world.note(format_args!("{} has {} with {}", self.0.number, claim.order_id, claim.fence));
            let before = lock(&self.0.world.fences).insert(claim.order_id, claim.fence);
            if before.is_some_and(|before| before >= claim.fence) {
                self.0.world.violated(format!("{}: two claims have one fence", claim.order_id));
            }
        }
    }

    /// A write that was accepted carried the fence of the last claim.
    fn fenced(&self, order: OrderId, fence: i64, taken: bool) {
        let newest = lock(&self.0.world.fences).get(&order).copied();
        if taken && newest != Some(fence) {
            self.0.world.violated(format!("{order}: a write of a former owner was taken"));
        }
    }

    /// A generated ticket has its file; its events may be published.
    fn stored(&self, completion: &Completion, taken: bool) {
        self.written(completion.generated.iter().filter(|_| taken).flat_map(|done| &done.events));
        let files = lock(&self.0.world.files);
        for done in completion.generated.iter().filter(|_| taken) {
            if !files.contains_key(&done.ticket.file_name()) {
                self.0.world.violated(format!("{}: recorded before its file is there", done.ticket.id));
            }
        }
    }

    /// A request is granted once. A reinstatement dismisses the refunds and cancellations on record, and nothing else.
    fn reissued(&self, reissue: &Reissue) {
        self.written(&reissue.events);
        let Reissue { ticket, request, .. } = reissue;
        if let Some(request) = request
            && !lock(&self.0.world.granted).insert((ticket.id, request.clone()))
        {
            self.0.world.violated(format!("{}: the request {request:?} was granted twice", ticket.id));
        }
        if reissue.reinstates {
            let known = self.on_record(ticket.order_id);
            lock(&self.0.world.words).insert(ticket.id, Word::Good(known));
        }
    }

    /// What is on record does not affect tickets that an order gains.
    fn grown(&self, refreshed: &Refreshed, outcome: &RefreshOutcome) {
        let what = match outcome {
            RefreshOutcome::Grown(_) => "has grown",
            RefreshOutcome::Unchanged => "has not grown",
            RefreshOutcome::Stale | RefreshOutcome::NumberTaken(_) => "is not compared",
        };
        self.0.world.note(format_args!("{} {what}", refreshed.order_id));
        if let (RefreshOutcome::Grown(_), Found::Lines(lines)) = (outcome, &refreshed.found) {
            let known = Word::Good(self.on_record(refreshed.order_id));
            let gained = lines.freeze.tickets.iter().map(|ticket| (ticket.id, known.clone()));
            lock(&self.0.world.words).extend(gained);
        }
    }

    /// The keys of an order's payments, refunds and cancellations.
    fn on_record(&self, order: OrderId) -> BTreeSet<String> {
        let Some(record) = self.0.world.at_once(self.0.world.store.order(order)).unwrap() else {
            return BTreeSet::new();
        };
        let payments = record.payments.into_iter().map(|payment| payment.key);
        payments.chain(record.withdrawals.into_iter().map(|withdrawal| withdrawal.key)).collect()
    }

    /// Notes that these messages are on record.
    fn recorded(&self, batch: &[Incoming]) {
        lock(&self.0.world.recorded).extend(batch.iter().map(|message| message.raw.clone()));
    }

    fn written<'a>(&self, events: impl IntoIterator<Item = &'a OutboxEvent>) {
        lock(&self.0.world.written).extend(events.into_iter().map(|event| event.id));
    }
}

/// Forwards calls, and checks the answers that can be checked.
macro_rules! passed_on {
    ($($part:ident { $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty
        $(, |$line:ident, $given:ident| $judge:expr)?;)* })*) => {$(
        #[async_trait]
        impl $part for Line {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                let question = $part::$name(&self.0.world.store, $($argument),*);
                self.ask(stringify!($name), question, |_answer| {
                    $(let ($line, $given) = (self, _answer); $judge;)?
                })
                .await
            })*
        }
    )*};
}

passed_on! {
    Inbox {
        ingest_read(batch: &[Incoming], reached: &[Position], dead_letters: &DeadLetterRoute, announcing: &Announcing) -> Vec<IngestOutcome>, |line, _taken| line.recorded(batch);
    }
    Positions {
        positions(cluster: &str, group: &str) -> Vec<Position>;
        advance(positions: &[Position]) -> ();
        predates_positions() -> bool;
        adopt_positions(positions: &[Position]) -> bool;
    }
    OrderQueue {
        claim_some(worker: &str, limit: usize, lease: Duration, which: Claimable) -> Vec<Claim>, |line, claims| line.claimed(claims);
        renew(claims: &[(OrderId, i64)], lease: Duration) -> Vec<OrderId>;
        freeze(batch: &[Freeze]) -> Vec<FreezeOutcome>, |line, answers| for (freeze, answer) in batch.iter().zip(answers) {
            line.fenced(freeze.order_id, freeze.fence, matches!(answer, FreezeOutcome::Frozen(_)));
        };
        complete(batch: &[Completion]) -> Vec<bool>, |line, answers| for (completion, taken) in batch.iter().zip(answers) {
            line.fenced(completion.order_id, completion.fence, *taken);
            line.stored(completion, *taken);
        };
        release(batch: &[Release]) -> Vec<bool>, |line, answers| for (release, taken) in batch.iter().zip(answers) {
            line.fenced(release.order_id, release.fence, *taken);
        };
        next_due() -> Option<Duration>;
    }
    Outbox {
        claim_deliveries(destination: &str, limit: usize, lease: Duration) -> Vec<Delivery>, |line, lent| for delivery in lent {
            if line.0.world.tells_of_erased(delivery.event.order_id, &delivery.event.value) {
                line.0.world.violated(format!("{:?}: an event tells of an erased person", delivery.event.order_id));
            }
        };
        record_deliveries(destination: &str, outcomes: &[(i64, DeliveryOutcome)]) -> ();
        sequence_events(limit: usize) -> i64;
        events_after(position: i64, limit: usize) -> Vec<PublishedEvent>;
        position_of(event: Uuid) -> Option<i64>;
        backlog(destination: &str) -> (u64, Option<Timestamp>);
        unsent(events: &[Uuid]) -> Vec<Unsent>;
        send_again(event: Uuid) -> bool;
        prune(age: Duration, limit: usize) -> u64;
    }
    Withdrawals {
        void_ticket(id: TicketId, reason: &str, announcing: &Announcing, by: &Actor) -> bool, |line, voided| if *voided {
            lock(&line.0.world.words).insert(id, Word::Void);
        };
        lift_withdrawal(key: &str, reason: &str, by: &Actor) -> bool;
        lift_unpaid(order: OrderId, reason: &str, by: &Actor) -> bool;
        park_overdue(age: Duration, limit: usize) -> usize;
        open_withdrawals(limit: usize) -> Vec<WithdrawalRecord>;
    }
    Reissues {
        drafted(id: TicketId) -> Drafted;
        reserve(id: TicketId, draft: &Draft, over: Option<&Draft>) -> bool;
        reissue(reissue: &Reissue) -> Option<Ticket>, |line, stands| if stands.is_some() {
            line.reissued(reissue);
        };
        was_reissued(id: TicketId, request: &str) -> bool;
        reinstate_order(id: OrderId, by: &Actor) -> bool, |line, going| if *going {
            let known = line.on_record(id);
            lock(&line.0.world.reinstated).insert(id, known);
        };
    }
    SigningKeys {
        revoke_key(key: &RevokedKey, by: &Actor) -> RevokedKey;
        revoked_keys() -> Vec<RevokedKey>;
        live_tickets_of_key(kid: &str, since: Timestamp) -> u64;
        live_code(kid: &str, event: u32, cti: [u8; 10]) -> Option<String>;
        sign_anew(order: OrderId, fence: i64, codes: &[NewCode]) -> bool;
    }
    KeyReissues {
        request_key_reissue(kid: &str, reason: Option<&str>, by: &Actor, total: u64) -> KeyReissue;
        key_reissues() -> Vec<KeyReissue>;
        claim_key_reissue(worker: &str, lease: Duration, kid: Option<&str>) -> Option<KeyReissue>;
        record_key_reissue(worker: &str, job: &KeyReissue, next: KeyReissueNext) -> bool;
        tickets_of_key(kid: &str, since: Timestamp, after: &KeyCursor, limit: usize) -> Vec<Ticket>;
    }
    EventCancellations {
        cancel_event(event: &str, reason: &str, by: &Actor) -> Option<EventCancellation>;
        event_cancellations() -> Vec<EventCancellation>;
        void_next_of_event(event: Option<&str>, limit: usize, announcing: &Announcing) -> Option<EventCancellation>;
    }
    Refreshes {
        refreshed(refreshed: &Refreshed) -> RefreshOutcome, |line, outcome| {
            line.fenced(refreshed.order_id, refreshed.fence, *outcome != RefreshOutcome::Stale);
            line.grown(refreshed, outcome);
        };
        ask_ordering(order: OrderId, issue: bool, by: &Actor) -> AskOutcome;
    }
    Records {
        ticket(id: TicketId) -> Option<Ticket>;
        ticket_by_number(number: &str) -> Option<Ticket>;
        code_standing(cti: [u8; 10]) -> CodeStanding;
        order_beginning(id: OrderId, tickets: u32) -> Option<OrderRecord>;
        orders_since(since: Timestamp, after: Option<OrderId>, limit: usize) -> Vec<OrderId>;
        tickets_after(order: OrderId, after: u32, limit: u32) -> Vec<Ticket>;
        order_pages(order: OrderId) -> OrderPages;
        deliver(delivered: &Delivered, at: Timestamp) -> Option<Ticket>;
        downloaded(id: TicketId, at: Timestamp) -> ();
        redrawn(id: TicketId, redrawn: &Redrawn) -> ();
        retry(selection: RetrySelection, by: &Actor) -> u64;
        summary() -> Summary;
        any_generated() -> bool;
    }
    DeadLetters {
        dead_letters(after: i64, closed: bool, limit: usize) -> Vec<DeadLetterRecord>;
        dead_letter(id: i64) -> Option<WholeDeadLetter>;
        close_dead_letter(id: i64, closing: &Closing, by: &Actor) -> bool;
        parked_orders(limit: usize) -> Vec<ParkedOrder>;
        messages_of(order: OrderId) -> Vec<KeptMessage>;
        acknowledge_late(order: OrderId, by: &Actor) -> bool;
    }
    Destinations {
        destinations() -> Vec<DestinationBacklog>;
        resend(ticket: &Ticket, event: &OutboxEvent, by: &Actor) -> Resent;
        close_deliveries(destination: &str, why: &str, limit: usize, by: &Actor) -> u64;
    }
    Audit {
        record_audit(entries: &[(Timestamp, AuditEntry)]) -> ();
        audit(filter: &AuditFilter, limit: usize) -> Vec<AuditRecord>;
        prune_audit(age: Duration, limit: usize) -> u64;
    }
    Overview {
        open_work() -> Vec<OpenGroup>;
        open_deliveries() -> Vec<DestinationBacklog>;
        events_at_a_glance(wanted: EventsWanted, limit: usize) -> Vec<EventOverview>;
        event_counted_now(id: &str) -> Option<EventOverview>;
        count_next_event(lease: Duration) -> bool;
        count_minutes() -> ();
        throughput() -> Throughput;
    }
    Attentions {
        attention(limit: usize) -> Vec<Attention>;
        attention_within(scope: &AttentionScope) -> u64;
        acknowledge(scope: &AttentionScope, why: &str, by: &Actor) -> u64;
    }
    Erasures {
        erase(order: OrderId, by: &Actor) -> Option<Erased>, |line, erased| if erased.is_some() {
            lock(&line.0.world.erased).insert(order);
        };
        begin_erasure(whom: &[u8; 16], orders: &[OrderId]) -> Option<BegunErasure>;
        end_erasure(whom: &[u8; 16]) -> ();
        erase_letters(whom: &[u8; 16], letters: &[i64], by: &Actor) -> u64;
        clear_files() -> Cleared;
        past_orders(age: Duration, limit: usize) -> Vec<OrderId>;
        files_due(limit: usize) -> Vec<(TicketId, Vec<String>)>;
        files_tried(tried: &[(TicketId, bool)], late: Duration, retry: Duration) -> ();
    }
    People {
        note_people(limit: usize, keys: ReadKeys<'_>) -> usize;
        people_alike(alike: &[u8; 16]) -> Vec<(FoundIn, [u8; 16])>;
        texts_of(found_in: FoundIn) -> Vec<Vec<u8>>;
    }
    Lists {
        list_orders(query: &ListQuery) -> Listed<OrderRow>;
        list_tickets(query: &ListQuery) -> Listed<TicketRow>;
        reindex(by: &Actor) -> ();
        reindexed_to() -> Option<OrderId>;
    }
    Import {
        import(orders: &[ImportedOrder], by: &Actor) -> Vec<ImportOutcome>;
    }
    Templates {
        keep_template(hash: [u8; 32], template: &StoredTemplate) -> ();
        template(hash: [u8; 32]) -> Option<StoredTemplate>;
    }
    Tokens {
        add_token(token: &NewToken, by: &Actor) -> bool;
        tokens() -> Vec<TokenRecord>;
        tokens_in_use() -> TokensInUse;
        revoke_token(name: &str, by: &Actor) -> bool;
    }
    CheckIns {
        check_in(event: &str, scans: &[NewCheckIn], announcing: &Announcing) -> Option<Vec<CheckInOutcome>>;
        holders(tickets: &[TicketId]) -> Vec<Holder>;
        check_ins_after(event: &str, after: u64, limit: usize) -> Option<Vec<CheckIn>>;
        check_ins_of(ticket: TicketId) -> Vec<CheckIn>;
        door_status(event: &str) -> Option<DoorStatus>;
        door_rules(event: &str) -> Option<Rules>;
        set_door_rules(event: &str, rules: &Rules, by: &Actor) -> bool;
    }
    DoorDevices {
        add_device(device: &NewDevice, by: &Actor) -> AddedDevice;
        enrol_device(code_sha256: &[u8; 32], token_sha256: &[u8; 32]) -> Option<DeviceRecord>;
        devices(event: Option<&str>) -> Vec<DeviceRecord>;
        devices_in_use() -> Vec<DeviceRecord>;
        revoke_device(name: &str, by: &Actor) -> bool;
        note_contacts(contacts: &[DeviceContact]) -> ();
    }
    DoorFeeds {
        door_version(event: &str) -> Option<(u64, u64)>;
        door_positions(events: &[String]) -> HashMap<String, DoorPosition>;
        door_feed(event: &str) -> Option<DoorFeed>;
        admissions(event: &str, after: u64) -> Option<Admissions>;
        door_names(event: &str) -> Option<DoorNames>;
        door_numbers(event: &str) -> Option<DoorNumbers>;
        still_good(event: u32, kid: &str) -> Vec<fulfillment_credential::Claims>;
    }
    Events {
        event(id: &str) -> Option<EventOnRecord>;
        events(after: u32, limit: usize) -> Vec<EventOnRecord>;
        set_event(id: &str, patch: &EventPatch, announcing: &Announcing, by: &Actor) -> SetEvent;
    }
    StoreEpoch {
        epoch() -> u64;
        new_epoch(by: &Actor) -> u64;
    }
}

/// The story has no installation, apart from the numbers of events and categories.
#[async_trait]
impl Installation for Line {
    async fn migrate(&self) -> Result<MigrationReport> {
        self.0.world.store.migrate().await
    }

    async fn pending_migrations(&self) -> Result<Vec<String>> {
        self.0.world.store.pending_migrations().await
    }

    async fn begin_serving(&self) -> Result<MigrationReport> {
        self.0.world.store.begin_serving().await
    }

    async fn ping(&self) -> Result<()> {
        self.0.world.store.ping().await
    }

    async fn registration(&self) -> Result<Registration> {
        self.0.world.store.registration().await
    }

    async fn register(&self, wanted: &Registration) -> Result<Registration> {
        self.0.world.store.register(wanted).await
    }

    async fn adopt_secret(&self, fingerprint: &str, by: &Actor) -> Result<()> {
        self.0.world.store.adopt_secret(fingerprint, by).await
    }

    async fn event_number(&self, event_id: &str) -> Result<u32> {
        self.ask("event_number", self.0.world.store.event_number(event_id), |_| ()).await
    }

    async fn category_number(&self, event_id: &str, category: &str) -> Result<u16> {
        self.ask("category_number", self.0.world.store.category_number(event_id, category), |_| ()).await
    }

    async fn vacuum_needs(&self) -> Result<u64> {
        self.0.world.store.vacuum_needs().await
    }

    async fn vacuum(&self) -> Result<Vacuumed> {
        self.0.world.store.vacuum().await
    }

    async fn copy_to(&self, file: &std::path::Path) -> Result<()> {
        self.0.world.store.copy_to(file).await
    }

    async fn close(&self) {}
}
