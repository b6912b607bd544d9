#include "service/front_door.h"

#include <algorithm>

#include "tunnel/base/log.h"
#include "tunnel/loop/local_address.h"
#include "tunnel/loop/split_pipe.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::service {

namespace {

// Who waits to be greeted may be an FTP proxy. On FTP's own port nothing else waits so long; on the
// others a client may be slow, and a greeting would confuse it.
constexpr std::uint16_t kFtpPort = 21;
constexpr std::chrono::milliseconds kSilence{1000}, kSilenceAtFtpPort{300};
// Control connections that keep no place of a stranger; any more keep theirs.
constexpr std::size_t kMostPaired = 4096;

}  // namespace

FrontDoor::FrontDoor(const Visitor::Context& context, const Config& config, Listener& listener)
    : Deferred(context.loop),
      context_(context),
      config_(config),
      listener_(listener),
      strangers_(config.limits),
      exchanges_(context.loop, context.identity, context.random, context.limit,
                 static_cast<ExchangeHost::Listener&>(*this)) {}

FrontDoor::~FrontDoor() = default;

Result<void> FrontDoor::listen(const SocketAddress& at) {
  auto listener = std::make_unique<loop::TcpListener>(
      context_.loop, static_cast<loop::TcpListener::Listener&>(*this));
  CULVERT_RETURN_IF_ERROR(listener->listen(at));
  listener->take_octets_of_syns();
  listeners_.push_back(std::move(listener));
  return {};
}

void FrontDoor::adopt(UniqueFd listening, std::vector<SocketAddress>& wanted) {
  auto listener = std::make_unique<loop::TcpListener>(
      context_.loop, static_cast<loop::TcpListener::Listener&>(*this));
  listener->adopt(std::move(listening));
  const auto& at = listener->address();
  const auto found = std::ranges::find_if(wanted, [&](const SocketAddress& one) {
    return one.ip == at.ip && (one.port == at.port || one.port == 0);
  });
  if (found == wanted.end()) return;
  wanted.erase(found);
  listener->take_octets_of_syns();
  listeners_.push_back(std::move(listener));
}

std::vector<std::uint64_t> FrontDoor::pass_on(restart::Outgoing& out) const {
  std::vector<std::uint64_t> cookies;
  for (const auto& listener : listeners_) cookies.push_back(out.add(listener->fd()));
  return cookies;
}

std::vector<SocketAddress> FrontDoor::addresses() const {
  std::vector<SocketAddress> all;
  for (const auto& listener : listeners_) all.push_back(listener->address());
  return all;
}

void FrontDoor::close() {
  listeners_.clear();
  std::vector<Visitor*> all;
  for (const auto& [visitor, guest] : visitors_) all.push_back(visitor);
  for (auto* visitor : all) visitor->leave("the service is stopping");
  exchanges_.close();
}

void FrontDoor::on_accepted(UniqueFd fd, const SocketAddress& peer) {
  auto place = place_for(peer);
  if (!place) return;
  loop::tune_carrier(fd.get());
  auto here = loop::local_address(fd.get());
  auto& visitor = enter(std::make_unique<loop::TcpSocket>(context_.loop, std::move(fd)), peer,
                        {nullptr, std::move(place), std::nullopt, {}});
  if (!config_.ftp) return;
  const FtpDataPort::Range ports{here.ip, config_.ftp_first_data_port, config_.ftp_last_data_port};
  const Duration silence = here.port == kFtpPort ? kSilenceAtFtpPort : kSilence;
  if (const auto& named = config_.public_address)
    if (const auto address = IpAddress::parse(named->host)) here = {*address, named->port};
  visitor.greet_after(silence, here, ports);
}

Visitor& FrontDoor::enter(std::unique_ptr<loop::BytePipe> pipe, const SocketAddress& from,
                          Guest guest) {
  using Outside = Visitor::Outside;
  const auto outside = guest.exchange         ? Outside::kExchange
                       : !guest.files.empty() ? Outside::kFiles
                                              : Outside::kNothing;
  guest.visitor = std::make_unique<Visitor>(context_, std::move(pipe), from, outside,
                                            static_cast<Visitor::Listener&>(*this));
  auto* const key = guest.visitor.get();
  visitors_.emplace(key, std::move(guest));
  return *key;
}

std::unique_ptr<Strangers::Place> FrontDoor::place_for(const SocketAddress& peer) {
  const char* full = "";
  auto place = strangers_.take(peer.ip, full);
  if (!place) log_refused(peer, full);
  return place;
}

// A connection that brings requests of exchanges, of several perhaps.
void FrontDoor::on_requests(Visitor& visitor) {
  auto& guest = visitors_.at(&visitor);
  auto [pipe, received] = visitor.take_connection();
  exchanges_.adopt(std::move(pipe), std::move(received), visitor.from(), std::move(guest.place));
}

void FrontDoor::on_exchange(const crypto::PublicKey& name, std::unique_ptr<loop::BytePipe> pipe,
                            const SocketAddress& from, std::unique_ptr<Strangers::Place> place) {
  enter(std::move(pipe), from, {nullptr, std::move(place), name, {}});
}

void FrontDoor::on_file_asked(Visitor& visitor) { asked_files_.push_back(&visitor); }

// The control connection of FTP stays as long as the data connection needs it, so it is one more
// that nobody has logged in on. One login over a connection from the same address lets one stay.
void FrontDoor::pair_with_ftp(const Visitor& admitted) {
  const auto found = std::ranges::find_if(
      asked_files_, [&](const Visitor* one) { return one->from().ip == admitted.from().ip; });
  if (found == asked_files_.end()) return;
  let_stay(**found);
  asked_files_.erase(found);
}

void FrontDoor::let_stay(Visitor& control) {
  auto& guest = visitors_.at(&control);
  control.stay();
  if (paired_ >= kMostPaired || guest.paired) return;
  guest.place.reset();
  guest.paired = true;
  ++paired_;
}

// What comes out of a pair has no place of a stranger: it goes with its control connections, each
// of which has one, until the login.
void FrontDoor::on_half(Visitor& visitor) {
  const auto& name = visitor.half().pair;
  auto* const pair = ftp_pairs_.add(name, visitor, visitor.half().upward);
  if (pair == nullptr) return visitor.leave("another file has the name of its pair");
  visitors_.at(&visitor).files = name;
  if (pair->down == nullptr || pair->up == nullptr) return;
  auto pipe = std::make_unique<loop::SplitPipe>(pair->up->take_data(), pair->down->take_data());
  pair->made = true;
  pair->carrier = &enter(std::move(pipe), visitor.from(), {nullptr, nullptr, std::nullopt, name});
}

// One line in 10 s, however many knock.
void FrontDoor::log_refused(const SocketAddress& peer, const char* why) {
  ++refusals_;
  const auto now = context_.loop.now();
  if (refusals_since_ != TimePoint{} && now - refusals_since_ < std::chrono::seconds{10}) return;
  refusals_since_ = now;
  log::warning("front-door", {{"event", "refused"},
                              {"count", std::exchange(refusals_, 0)},
                              {"from", peer.ip.to_string()},
                              {"why", why}});
}

void FrontDoor::admit(Visitor& visitor) {
  const auto found = visitors_.find(&visitor);
  if (found == visitors_.end()) return;
  found->second.place.reset();
  if (found->second.exchange)
    exchanges_.admit(*found->second.exchange);
  else if (const auto& files = found->second.files; !files.empty())
    for (auto* control : ftp_pairs_.admit(files)) let_stay(*control);
  else
    pair_with_ftp(visitor);
}

void FrontDoor::on_hello(Visitor& visitor, session::ResponderHandshake::Greeting& greeting) {
  visitors_.at(&visitor).said_hello = true;
  listener_.on_hello(visitor, greeting);
}

void FrontDoor::on_answered(Visitor& visitor) { listener_.on_answered(visitor); }

void FrontDoor::on_visitor_gone(Visitor& visitor, const std::string& why) {
  const auto found = visitors_.find(&visitor);
  auto guest = std::move(found->second);
  visitors_.erase(found);
  std::erase(asked_files_, &visitor);
  if (guest.paired) --paired_;
  guest.place.reset();
  log::debug("front-door", {{"event", "gone"}, {"from", visitor.from().to_string()}, {"why", why}});
  auto* const orphan = guest.files.empty() ? nullptr : ftp_pairs_.forget(guest.files, visitor);
  const bool told = guest.said_hello;
  gone_.push_back(std::move(guest));
  schedule();
  if (orphan != nullptr) orphan->leave("a control connection of its files is gone");
  if (told) listener_.on_visitor_gone(visitor);
}

void FrontDoor::run_deferred() { gone_.clear(); }

}  // namespace culvert::service
