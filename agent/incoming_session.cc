#include "agent/incoming_session.h"

#include "agent/descriptor_limit.h"
#include "agent/pool_file.h"
#include "tunnel/base/log.h"

namespace culvert::agent {

IncomingSession::IncomingSession(IncomingPolicy policy, carrier::Way way,
                                 const control::Incoming& incoming, Listener& listener)
    : policy_(policy),
      ticket_(incoming.ticket),
      caller_(incoming.caller),
      listener_(listener),
      since_(loop::Loop::wall_clock()),
      datagrams_(policy_.self.loop) {
  dial_.emplace(policy_.self.loop, std::move(way), policy_.self.means(), kDialLimit,
                static_cast<carrier::CarrierDial::Listener&>(*this));
}

IncomingSession::IncomingSession(IncomingPolicy policy, std::unique_ptr<loop::BytePipe> pipe,
                                 ByteVector received, PeerWay way, Listener& listener)
    : policy_(policy),
      ticket_{},
      caller_(way.with),
      listener_(listener),
      since_(loop::Loop::wall_clock()),
      direct_(true),
      way_(std::move(way)),
      datagrams_(policy.self.loop) {
  greeter_.emplace(policy_.self.loop, std::move(pipe), std::move(received),
                   policy_.self.identity.key, policy_.self.random, kDirectLimit,
                   static_cast<session::Greeter::Listener&>(*this));
}

void IncomingSession::close(const std::string& reason) {
  if (link_ != nullptr) link_->close(reason);
}

void IncomingSession::on_carrier(carrier::CarrierDial&, std::unique_ptr<loop::BytePipe> pipe,
                                 const Error& why) {
  if (pipe == nullptr) return end(why);
  const auto& self = policy_.self;
  auto answer = self.hello(control::Purpose::kCircuitAnswer);
  answer.ticket = ticket_;
  auto circuit = std::make_unique<session::CircuitPipe>(std::move(pipe), self.identity.key,
                                                        self.identity.service_key,
                                                        std::move(answer), self.random, news_);
  greeter_.emplace(self.loop, std::move(circuit), ByteVector{}, self.identity.key, self.random,
                   kDialLimit, static_cast<session::Greeter::Listener&>(*this));
  dial_.reset();  // last: it is the caller
}

Result<void> IncomingSession::judge(const session::ResponderHandshake::Greeting& greeting) {
  const auto& hello = greeting.hello;
  if (hello.purpose != control::Purpose::kSession)
    return fail(ErrorCode::kProtocol, "endpoints answer sessions only");
  const auto certificate = policy_.keys.accept(hello.certificate, loop::Loop::wall_clock());
  if (!certificate) return fail(certificate.error());
  if (certificate->key != greeting.caller)
    return fail(ErrorCode::kAuthentication, "the certificate is of another key than the proven");
  CULVERT_RETURN_IF_ERROR(
      crypto::check_not_ahead(from_unix_nanoseconds(hello.timestamp), loop::Loop::wall_clock()));
  caller_ = certificate->name;
  key_ = certificate->key;
  session_ = hello.session;
  const bool known = listener_.find_session(key_, session_) != nullptr;
  // One that only resumes what is here does nothing when it is repeated to a later process, so a
  // full disk is no reason to let its streams die.
  beside_ = hello.resume == control::Resume::kBeside;
  const bool only_here = beside_ || hello.resume == control::Resume::kExisting;
  const bool forgettable = known && only_here;
  CULVERT_RETURN_IF_ERROR(
      policy_.replays.accept(greeting.caller, hello.timestamp, /*must_be_kept=*/!forgettable));
  if (only_here && !known)
    return fail(ErrorCode::kClosed, "the session to be resumed is not here any more");
  resumes_ = known && hello.resume != control::Resume::kNew;
  if (direct_ && !resumes_)
    return fail(ErrorCode::kNotPermitted, "sessions begin at the service, not at this port");
  for (const auto offered : hello.aeads) {
    aead_ = static_cast<crypto::AeadAlgorithm>(offered);
    if (crypto::is_supported(aead_)) return {};
  }
  return fail(ErrorCode::kProtocol, "no cipher in common");
}

void IncomingSession::on_greeted(session::Greeter& greeter,
                                 session::ResponderHandshake::Greeting& greeting) {
  control::HelloAnswer answer;
  if (const auto judged = judge(greeting); !judged) {
    answer.refusal = judged.error().code;
    answer.reason = judged.error().detail;
    refused_ = true;
    log::warning("peer", {{"event", "refused"}, {"caller", caller_}, {"why", answer.reason}});
  } else {
    answer.aead = static_cast<std::uint8_t>(aead_);
    early_frames_ = std::move(greeting.early_frames);
  }
  greeter.answer(answer);
}

void IncomingSession::on_answered(session::Greeter& greeter) {
  if (refused_) {
    greeter.take_pipe()->end_writing();  // the refusal still has to arrive
    return end({ErrorCode::kAuthentication, "refused"});
  }
  session::FreshCarrier carrier{
      greeter.take_pipe(),
      {greeter.keys(), aead_, std::move(early_frames_), std::nullopt, direct_},
      greeter.take_received()};
  if (resumes_) {
    // Gone in this very moment: the end of the pipe tells the caller, who asks once more.
    auto* const session = listener_.find_session(key_, session_);
    if (session != nullptr && beside_)
      session->attach_lane(std::move(carrier));
    else if (session != nullptr)
      session->resume(std::move(carrier), *this);
    return end({ErrorCode::kClosed, "handed over"});
  }
  link_ = std::make_unique<session::SessionLink>(
      policy_.self.loop, std::move(carrier), policy_.self.grace,
      static_cast<session::SessionLink::Listener&>(*this));
  log::info("peer", {{"event", "up"}, {"name", caller_}, {"via", "relay"}, {"role", "answerer"}});
  on_carrier_attached(*link_);
  listener_.on_incoming_session_up(*this);
  greeter_.reset();  // last: it is the caller
}

void IncomingSession::resume(session::FreshCarrier carrier, IncomingSession& newer) {
  way_ = newer.way_;
  if (!newer.direct_) news_ = newer.news_;
  log::info("peer", {{"event", "resumed"},
                     {"name", caller_},
                     {"via", way_.via},
                     {"with", way_.with},
                     {"role", "answerer"}});
  link_->attach(std::move(carrier));
}

void IncomingSession::on_carrier_attached(session::SessionLink&) {
  carrier_since_ = policy_.self.loop.now();
  if (udp_path_) udp_path_->set_carrier_direct(!way_.with.empty());
  if (answerer_ || !policy_.place.enabled()) return;
  answerer_.emplace(policy_.self, policy_.place, policy_.udp, *link_, key_,
                    static_cast<DirectAnswerer::Listener&>(*this));
  udp_path_.emplace(policy_.self, policy_.place, policy_.udp, *link_, UdpPath::Role::kAnswerer);
  udp_path_->set_peer_key(key_);
  quic_.emplace(policy_.self, *udp_path_, static_cast<DirectAnswerer::Listener&>(*this));
}

void IncomingSession::on_control(session::SessionLink&, const control::Message& message) {
  const auto* const offer = std::get_if<control::Offer>(&message);
  if (offer != nullptr && answerer_) answerer_->take(*offer, news_->other_seen);
  if (udp_path_) udp_path_->take(message, news_->other_seen);
}

void IncomingSession::on_dialled_back(std::unique_ptr<loop::BytePipe> pipe, PeerWay way) {
  listener_.on_caller_dialled(std::move(pipe), std::move(way));
}

void IncomingSession::place_changed() {
  if (answerer_ && link_->attached()) answerer_->place_changed();
  if (udp_path_) udp_path_->place_changed();
}

void IncomingSession::network_changed() {
  if (link_ != nullptr) link_->suspect();
}

// The caller calls again: it knows the way.
void IncomingSession::on_carrier_lost(session::SessionLink&, const Error& why) {
  if (way_.with.empty())
    listener_.on_incoming_carrier_lost(policy_.self.loop.now() - carrier_since_,
                                       why.code == ErrorCode::kTimedOut);
  way_ = {};
  log::info("peer", {{"event", "carrier-lost"}, {"name", caller_}, {"why", why.detail}});
}

void IncomingSession::on_greeting_failed(session::Greeter&, const Error& why) { end(why); }

void IncomingSession::on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                                       const control::Target& target) {
  if (link.streams().stream_count() >
      std::min(kMostStreams, descriptor_limit() / kPartOfDescriptors))
    return link.refuse(stream, ErrorCode::kExhausted, "this caller has too many streams open");
  if (target.kind == control::Target::Kind::kEndpointUdp)
    return open_datagrams(link, stream, target);
  if (target.kind != control::Target::Kind::kEndpointPort)
    return link.refuse(stream, ErrorCode::kNotPermitted, "this endpoint forwards nothing");
  const auto to = policy_.publisher.target(target.port);
  if (!to)
    return link.refuse(stream, ErrorCode::kRefused,
                       "port " + std::to_string(target.port) + " is not published");
  const auto from = caller_address();
  if (!from) return link.refuse(stream, ErrorCode::kExhausted, from.error().detail);
  // Where this machine calls itself, a connect to its virtual address may be held just now, and the
  // hold would swallow ours.
  const auto own =
      caller_ == policy_.self.identity.name
          ? Result<IpAddress>{IpAddress::v4(INADDR_LOOPBACK)}
          : policy_.pool.address_of(policy_.self.identity.name, loop::Loop::wall_clock());
  if (!own) return link.refuse(stream, ErrorCode::kExhausted, own.error().detail);
  policy_.pool_file.changed();
  auto made = std::make_unique<IncomingStream>(
      policy_.self.loop, link, stream, SocketAddress{*from, target.caller_port}, *own, *to,
      policy_.accepts, static_cast<IncomingStream::Listener&>(*this));
  auto* const key = made.get();
  streams_.emplace(key, std::move(made));
}

Result<IpAddress> IncomingSession::caller_address() {
  auto address = policy_.pool.address_of(caller_, loop::Loop::wall_clock());
  if (address) policy_.pool_file.changed();
  return address;
}

void IncomingSession::open_datagrams(session::SessionLink& link, mux::StreamId stream,
                                     const control::Target& target) {
  const auto from = caller_address();
  if (!from) return link.refuse(stream, ErrorCode::kExhausted, from.error().detail);
  const auto served =
      serve_datagrams(policy_.datagram_servers(), {link, stream, target, *from}, datagrams_);
  if (!served) link.refuse(stream, served.error().code, served.error().detail);
}

void IncomingSession::on_incoming_stream_connected(IncomingStream& connected, UniqueFd program) {
  flows_.add(policy_.self.loop, *link_, connected.stream(), std::move(program));
  streams_.erase(&connected);
}

void IncomingSession::on_incoming_stream_ended(IncomingStream& ended) { streams_.erase(&ended); }

void IncomingSession::on_session_down(session::SessionLink&, const Error& why) {
  log::info("peer", {{"event", "down"}, {"name", caller_}, {"why", why.detail}});
  end(why);
}

void IncomingSession::end(const Error& why) {
  if (link_ == nullptr && !refused_ && !resumes_)
    log::write(direct_ ? log::Level::kDebug : log::Level::kInfo, "peer",
               {{"event", "call-failed"}, {"caller", caller_}, {"why", why.detail}});
  listener_.on_incoming_session_ended(*this);
}

}  // namespace culvert::agent
