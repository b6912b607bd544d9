#include "service/service.h"

#include <system_error>

#include "service/own_addresses.h"
#include "service/readiness.h"
#include "service/snapshot.h"

namespace culvert::service {

Result<State> State::open(loop::Loop& loop, Config config, Random& random) {
  const std::filesystem::path directory(config.state_directory);
  CULVERT_RETURN_IF_ERROR(make_state_directory(directory));
  CULVERT_RETURN_IF_ERROR(check_complete(directory / "service.key", directory / "service.db"));
  auto key = load_or_create_key(directory / "service.key", random);
  if (!key) return fail(key.error());
  auto store = SqliteStore::open(loop, directory / "service.db");
  if (!store) return fail(store.error());
  return State{std::move(config), std::move(*key), std::move(*store)};
}

Service::Service(loop::Loop& loop, State state, carrier::TlsServerContext tls, Random& random,
                 Listener& listener, resolver::DnsClient::Options dns)
    : mailbox_(loop),
      threads_(state.config.threads.value_or(loop::LoopThreads::default_count())),
      listener_(listener),
      state_(std::move(state)),
      tls_(std::move(tls)),
      dns_(std::move(dns)),
      floors_(loop, *state_.store, *this),
      path_packets_(random),
      prover_(random, state_.key.signing),
      sessions_({loop, mailbox_, threads_, dns_, state_.config, *state_.store, state_.key.signing,
                 directory_, path_packets_, prover_},
                *this),
      relay_(loop, mailbox_, threads_, state_.config.limits, directory_, random),
      reception_(
          {loop, state_.config, state_.key.signing, *state_.store, floors_, sessions_, relay_}),
      front_door_({loop, tls_, state_.key.identity, random, state_.config.limits.handshake},
                  state_.config, reception_),
      media_door_(loop, mailbox_, state_.config.media, directory_),
      discovery_(loop, state_.config.discovery, path_packets_, prover_.proofs()),
      public_name_(loop, dns_, static_cast<PublicName::Listener&>(*this)),
      succession_(loop, {*state_.store, state_.key.signing.public_key(), state_.config.domain},
                  sessions_, static_cast<Succession::Listener&>(*this)),
      timer_(loop, *this) {
  reception_.set_front_door(&front_door_);
}

Service::~Service() { threads_.stop(); }

void Service::start(restart::Estate estate) {
  estate_ = std::move(estate);
  floors_.load();
}

void Service::on_floors_loaded(Result<void> outcome) {
  if (!outcome) return listener_.on_stopped(outcome);
  take_over();
}

// Before the doors open: an endpoint that comes now finds its session.
void Service::take_over() {
  to_listen_ = state_.config.listen;
  ServiceSnapshot left;
  auto estate = std::exchange(estate_, {});
  if (!estate.state.empty()) {
    auto decoded = decode_service_snapshot(estate.state);
    if (decoded)
      left = std::move(*decoded);
    else
      log::warning("restart", {{"event", "started-fresh"}, {"why", decoded.error().detail}});
  }
  for (const auto cookie : left.listeners)
    if (auto socket = estate.sockets.take(cookie)) adopted_.push_back(std::move(socket));
  refresh();
  succession_.begin(std::move(left.clients), std::move(estate.sockets));
}

void Service::on_succeeded() {
  for (auto& socket : std::exchange(adopted_, {})) front_door_.adopt(std::move(socket), to_listen_);
  Result<void> outcome;
  for (const auto& address : std::exchange(to_listen_, {})) {
    if (!outcome) break;
    if (const auto listening = front_door_.listen(address); !listening)
      outcome = fail(listening.error().code,
                     listening.error().detail +
                         "; stop what uses it, or change \"listen\" (ports below 1024 need "
                         "CAP_NET_BIND_SERVICE)");
  }
  if (outcome) outcome = discovery_.start();
  if (outcome) outcome = media_door_.listen();
  if (outcome) outcome = start_threads();
  if (!outcome) return listener_.on_stopped(outcome);
  refresh();
  timer_.start(kRefresh);
  listener_.on_ready(front_door_.addresses());
}

Result<void> Service::start_threads() {
  try {
    threads_.start();
    return {};
  } catch (const std::system_error& why) {
    return fail(ErrorCode::kIo, std::string("the system gives no more threads: ") + why.what() +
                                    "; raise its limit (TasksMax of the unit), or set \"threads\"");
  }
}

void Service::refresh() {
  if (const auto& named = state_.config.public_address; named && !IpAddress::parse(named->host))
    public_name_.refresh(named->host);
  set_own();
}

void Service::set_own() {
  std::set<std::uint16_t> ports;
  for (const auto& address : front_door_.addresses()) ports.insert(address.port);
  // Behind a translator this machine has other addresses than its interfaces: what is sent there
  // can come back (hairpin).
  auto own = own_addresses();
  for (const auto& address : state_.config.discovery.advertised) own.insert(address.canonical());
  own.insert(public_name_.addresses().begin(), public_name_.addresses().end());
  if (const auto& named = state_.config.public_address) {
    if (const auto address = IpAddress::parse(named->host)) own.insert(address->canonical());
    ports.insert(named->port);
  }
  sessions_.set_own(own, ports);
}

void Service::on_timer(loop::Timer&) {
  refresh();
  timer_.start(kRefresh);
  tell_status(std::to_string(sessions_.count()) + " endpoints online, " +
              std::to_string(relay_.circuit_count()) + " circuits");
}

ByteVector Service::hand_over(restart::Outgoing& out) {
  threads_.stop();
  floors_.flush();
  ServiceSnapshot snapshot;
  snapshot.listeners = front_door_.pass_on(out);
  snapshot.clients = sessions_.take_snapshots(out);
  return encode(snapshot);
}

void Service::stop(const std::string& reason) {
  timer_.stop();
  front_door_.close();
  media_door_.close();
  relay_.drop_all();
  floors_.flush();
  sessions_.close_all(reason);
}

void Service::on_all_sessions_ended() { listener_.on_stopped({}); }

}  // namespace culvert::service
