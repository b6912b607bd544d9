#include "tunnel/carrier/carrier_dial.h"

#include <algorithm>
#include <cstring>

#include "tunnel/carrier/exchange_lanes.h"
#include "tunnel/carrier/ftp_proxy_login.h"
#include "tunnel/carrier/http_connect.h"
#include "tunnel/carrier/lane_logins.h"
#include "tunnel/carrier/proxy_trust.h"
#include "tunnel/carrier/socks.h"
#include "tunnel/carrier/stack.h"
#include "tunnel/carrier/websocket.h"
#include "tunnel/exchange/client_pipe.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::carrier {
namespace {

constexpr std::chrono::seconds kUpgradeLimit{2};  // privoxy swallows upgrades for ever, measured
constexpr int kMostDials = 4;                     // for the logins of one way

}  // namespace

CarrierDial::CarrierDial(loop::Loop& loop, Way way, Means means, Duration limit, Listener& listener)
    : loop_(loop),
      way_(std::move(way)),
      means_(means),
      limit_(limit),
      listener_(listener),
      steps_(steps_of(way_)),
      timer_(loop, *this) {
  // A proxy that nobody here vouches for is told nothing.
  if (way_.proxy && !way_.proxy->trusted) way_.proxy->forget_credentials();
  dial();
}

CarrierDial::~CarrierDial() {
  if (pipe_ != nullptr) pipe_->set_listener(nullptr);
}

void CarrierDial::dial() {
  ++dials_;
  next_ = 0;
  opening_ = nullptr;
  ticket_on_connection_ = false;
  pipe_.reset();
  // The service bears it that a first flight arrives twice (PROTOCOL.md section 1); what a proxy
  // does with it, nobody knows.
  const auto fast_open = way_.proxy ? loop::TcpDial::FastOpen::kNo : loop::TcpDial::FastOpen::kTry;
  dial_.emplace(loop_, way_.first_hop, limit_, static_cast<loop::TcpDial::Listener&>(*this),
                std::nullopt, fast_open, loop::TcpDial::Port::kThis,
                way_.small_segments ? loop::TcpDial::kSmallSegment : 0);
}

Result<std::unique_ptr<Layer>> CarrierDial::make_layer(const WayStep& step) {
  switch (step.kind) {
    case LayerKind::kTls: return make_tls(step);
    case LayerKind::kHttpConnect:
      return std::make_unique<HttpConnect>(step.target, login_to(*step.with));
    case LayerKind::kSocks: return make_socks(step);
    case LayerKind::kWebSocket: return make_websocket();
    case LayerKind::kFtp:
    case LayerKind::kFtpPair: break;  // need further connections: see climb()
  }
  return fail(ErrorCode::kBadInput, "there is no such layer");
}

Result<std::unique_ptr<Layer>> CarrierDial::make_tls(const WayStep& step) const {
  if (step.with == nullptr) {
    auto layer = TlsLayer::client(means_.tls, step.target.host);
    if (way_.notes != nullptr) layer->tell({way_.notes, &way_.notes->shown});
    return layer;
  }
  if (means_.proxy_trust == nullptr)
    return fail(ErrorCode::kBadInput, "TLS to a proxy is not for this connection");
  const auto context = means_.proxy_trust->context();
  if (!context) return fail(context.error());
  return TlsLayer::client(**context, step.target.host);
}

Result<std::unique_ptr<Layer>> CarrierDial::make_socks(const WayStep& step) const {
  std::optional<Socks::Login> login;
  if (const auto& known = step.with->credentials) login = {known->login(), known->password};
  const bool is_last = step.with == &*way_.proxy;
  return Socks::make(step.with->kind, step.target,
                     is_last ? way_.service_address : std::optional<IpAddress>{}, login);
}

std::shared_ptr<ProxyLogin> CarrierDial::login_to(const Proxy& proxy) {
  auto& login = logins_[&proxy];
  if (login != nullptr) return login;
  login = std::make_shared<ProxyLogin>(proxy.credentials, means_.random, loop::Loop::wall_clock());
  login->allow_rounds();
  // `trusted` stands in the last proxy of a chain, for all. To another one a ticket would be a way
  // to be us at any web server whose name it takes.
  if (means_.tickets != nullptr && way_.proxy->trusted) login->allow_tickets(proxy.at.host);
  return login;
}

std::unique_ptr<Layer> CarrierDial::make_websocket() {
  WebSocket::Request request;
  const auto port = way_.service.port;
  const bool over_tls = way_.recipe->has(LayerKind::kTls);
  request.host = way_.service.to_string();
  // RFC 9110 section 7.2: without the port where it is the scheme's.
  if (port == (over_tls ? 443 : 80)) request.host.resize(request.host.rfind(':'));
  // The proxy itself is asked, not a tunnel through it.
  if (way_.recipe->needs_proxy() && !way_.recipe->has(LayerKind::kHttpConnect)) {
    request.target = "http://" + request.host + "/";
    return WebSocket::client(request, means_.random, login_to(*way_.proxy));
  }
  return WebSocket::client(request, means_.random);
}

void CarrierDial::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  if (error != 0) return failed({from_errno(error), std::strerror(error)});
  loop::tune_carrier(fd.get());
  pipe_ = std::make_unique<loop::TcpSocket>(loop_, std::move(fd));
  climb();
}

// Each conversation takes the forms of a login one after the other, by itself.
void CarrierDial::begin_ftp(const WayStep& step) {
  for (auto& login : ftp_logins_)
    if (login == nullptr)
      login = std::make_shared<FtpProxyLogin>(step.target, way_.proxy->credentials);
  auto& listener = static_cast<FtpDial::Listener&>(*this);
  if (step.kind == LayerKind::kFtp)
    ftp_.emplace(loop_, std::move(pipe_), way_.first_hop.ip, ftp_logins_[0], FtpFile{}, limit_,
                 listener);
  else
    ftp_pair_.emplace(loop_, std::move(pipe_), way_.first_hop, ftp_logins_, means_.random, limit_,
                      listener);
}

void CarrierDial::climb() {
  while (next_ < steps_.size()) {
    const auto& step = steps_[next_++];
    const auto kind = step.kind;
    if (kind == LayerKind::kFtp || kind == LayerKind::kFtpPair) return begin_ftp(step);
    auto layer = make_layer(step);
    if (!layer) return failed(layer.error());
    auto stack = std::make_unique<Stack>(loop_, std::move(pipe_), *std::move(layer));
    opening_ = stack.get();
    pipe_ = std::move(stack);
    if (kind == LayerKind::kTls) continue;
    timer_.start(kind == LayerKind::kWebSocket ? std::min<Duration>(limit_, kUpgradeLimit)
                                               : limit_);
    pipe_->set_listener(this);
    return pipe_->set_interest(/*readable=*/false, /*writable=*/true);
  }
  timer_.stop();
  opening_ = nullptr;
  if (way_.recipe->lanes != nullptr)
    if (const auto made = become_exchange(); !made) return failed(made.error());
  listener_.on_carrier(*this, std::move(pipe_), {});
}

Result<void> CarrierDial::become_exchange() {
  exchange::Client::Options options;
  options.authority = way_.service.to_string();
  // Behind CONNECT or TLS the requests reach the service as they are.
  options.through_proxy = way_.proxy.has_value() && way_.recipe->layers.empty();
  options.service = means_.service_key;
  std::shared_ptr<LaneLogins> logins;
  if (options.through_proxy) logins = std::make_shared<LaneLogins>(*login_to(*way_.proxy));
  options.login = logins;
  std::shared_ptr<exchange::Capabilities> notes;
  if (way_.notes != nullptr) {
    notes = {way_.notes, &way_.notes->exchange};
    options.known = *notes;
  }
  auto client =
      exchange::Client::make(std::move(options), means_.random, loop::Loop::precise_now());
  if (!client) return fail(client.error());
  auto lane = way_;
  lane.recipe = way_.recipe->lanes;
  pipe_ = std::make_unique<exchange::ClientPipe>(
      loop_, std::move(*client), std::move(pipe_),
      std::make_unique<ExchangeLanes>(loop_, std::move(lane), means_, limit_, std::move(logins)),
      std::move(notes));
  return {};
}

void CarrierDial::on_ftp(std::unique_ptr<loop::BytePipe> pipe, const Error& why, bool again) {
  if (pipe == nullptr && again) {  // the forms of a login are few
    dial_again_ = true;
    return timer_.start(Duration::zero());
  }
  if (pipe == nullptr) return failed(Error{why});
  pipe_ = std::move(pipe);
  climb();
}

// The layer on top is established, or waits.
void CarrierDial::on_writable() {
  if (opening_->layer().waits()) return go_on_with_ticket();
  pipe_->set_listener(nullptr);
  pipe_->set_interest(false, false);
  // The call comes from inside the stack that is given up here: nothing of it is touched any more.
  if (opening_->layer().is_only_an_opening()) pipe_ = opening_->take_under();
  climb();
}

void CarrierDial::on_broken(int error) {
  if (opening_->layer().wants_new_connection() && dials_ < kMostDials) {
    for (const auto& [proxy, login] : logins_) login->connection_lost();
    pipe_->set_listener(nullptr);
    dial_again_ = true;
    return timer_.start(Duration::zero());  // the caller is of the old connection
  }
  const auto* known = pipe_->failure();
  failed(known != nullptr ? *known : Error{from_errno(error), std::strerror(error)});
}

bool CarrierDial::ask_for_ticket() {
  const auto wants = [](const auto& one) { return one.second->wants_ticket(); };
  const auto found = std::ranges::find_if(logins_, wants);
  if (found == logins_.end()) return false;
  ticket_for_ = found->second.get();
  ticket_ = means_.tickets->ask(ticket_for_->ticket_host(), *this);
  return true;
}

// The question is that of the ticket which this connection was shown: it knows what was said.
void CarrierDial::go_on_with_ticket() {
  const auto waits = [](const auto& one) { return one.second->goes_on(); };
  const auto found = std::ranges::find_if(logins_, waits);
  if (found == logins_.end()) return;
  ticket_on_connection_ = true;
  const auto answer = found->second->take_ticket_answer();
  if (ticket_ != nullptr && ticket_for_ == found->second.get()) return ticket_->go_on(answer);
  ticket_for_ = found->second.get();  // a chain: its conversation has been given up for another's
  on_ticket(fail(ErrorCode::kAuthentication, "its proxy asks on although another was asked since"));
}

void CarrierDial::on_ticket(Result<std::string> ticket) {
  const bool here = std::exchange(ticket_on_connection_, false);
  if (const auto login = ticket_for_->take_ticket(std::move(ticket)); !login)
    return failed(login.error());
  if (here) return opening_->go_on();
  dial_again_ = true;
  timer_.start(Duration::zero());  // the call comes from inside of the question
}

void CarrierDial::on_timer(loop::Timer&) {
  if (std::exchange(dial_again_, false)) return ask_for_ticket() ? void() : dial();
  failed({ErrorCode::kTimedOut,
          "no answer to " + opening_->layer().describe() + ": something on the way swallows it"});
}

void CarrierDial::failed(const Error& why) {
  timer_.stop();
  if (pipe_ != nullptr) pipe_->set_listener(nullptr);
  listener_.on_carrier(*this, nullptr, {why.code, to_string(way_) + ": " + why.detail});
}

}  // namespace culvert::carrier
