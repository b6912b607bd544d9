#include "service/exchange_host.h"

#include <array>

namespace culvert::service {
namespace {

constexpr Duration kIdle = std::chrono::minutes{2};
constexpr Duration kFarewell = std::chrono::seconds{5};
constexpr std::size_t kReadSize = 64 * 1024;

}  // namespace

class ExchangeHost::Connection final : private loop::BytePipe::Listener,
                                       private loop::Timer::Listener,
                                       private loop::Deferred,
                                       private exchange::Directory,
                                       private exchange::ServerConnection::Listener {
 public:
  Connection(ExchangeHost& host, std::unique_ptr<loop::BytePipe> pipe, ByteVector received,
             const SocketAddress& from, std::unique_ptr<Strangers::Place> place)
      : Deferred(host.loop_),
        host_(host),
        pipe_(std::move(pipe)),
        early_(std::move(received)),
        from_(from),
        place_(std::move(place)),
        core_(*this, host.random_, *this),
        timer_(host.loop_, *this) {
    pipe_->set_listener(this);
    timer_.start(host_.stranger_limit_);
    schedule();
  }
  ~Connection() override { pipe_->set_listener(nullptr); }

  const exchange::Server* server() const { return core_.server(); }
  void became_known() { place_.reset(); }
  void forget(const Exchange& over) {
    if (current_ == &over) current_ = nullptr;
  }

 private:
  void on_readable() override {
    static thread_local std::array<std::byte, kReadSize> buffer;
    const auto got = pipe_->read(buffer);
    using State = loop::IoResult::State;
    if (got.state == State::kBlocked) return;
    if (got.state != State::kMoved) return leave();
    if (!ending_) take(Bytes{buffer}.first(got.count));
  }
  void on_writable() override { flush(); }
  void on_broken(int) override { leave(); }
  void on_output() override { schedule(); }
  void run_deferred() override {
    if (!early_.empty()) return take(std::exchange(early_, {}));
    flush();
  }

  void take(Bytes octets) {
    core_.receive(octets, loop::Loop::precise_now());
    if (current_ != nullptr) current_->touched();
    flush();
  }

  void flush() {
    if (left_) return;
    while (!core_.pending_output().empty()) {
      const auto put = pipe_->write(core_.pending_output());
      using State = loop::IoResult::State;
      if (put.state == State::kFailed) return leave();
      if (put.state != State::kMoved) break;
      core_.output_sent(put.count, loop::Loop::precise_now());
      if (current_ != nullptr) current_->touched();  // a stream has room again
    }
    if (core_.finished() && !ending_) {
      // As with a page: closing at once could overtake the answer (RFC 9112 section 9.6).
      ending_ = true;
      pipe_->end_writing();
      timer_.start(kFarewell);
    }
    pipe_->set_interest(ending_ || core_.wants_input(), !core_.pending_output().empty());
  }

  void on_timer(loop::Timer&) override {
    const auto* const server = core_.server();
    const bool known = server != nullptr && server->admitted();
    if (known) place_.reset();
    if (ending_ || (place_ != nullptr && !known) || (server == nullptr && idle_before_))
      return leave();
    idle_before_ = server == nullptr;
    timer_.start(kIdle);
  }

  Found find(const exchange::ExchangeTarget& target) override {
    Found found;
    current_ = host_.find(target.exchange);
    std::optional<exchange::ExchangeKeys> fresh;
    if (current_ == nullptr) {
      auto keys = exchange::ExchangeKeys::of_service(host_.identity_, target.exchange);
      if (!keys) return found;
      fresh = std::move(*keys);
    }
    auto token = (fresh ? *fresh : current_->server().keys()).open_token(target.token);
    auto request = token ? exchange::decode_request(token->text) : std::nullopt;
    if (!request) return found;
    found.token = std::move(*token);
    found.request = std::move(*request);
    if (current_ == nullptr && found.request.opens)
      current_ = host_.begin(target.exchange, std::move(*fresh), from_);
    else if (current_ == nullptr)
      found.keys = std::move(fresh);
    if (current_ != nullptr) found.server = &current_->server();
    if (found.server != nullptr && found.server->admitted()) place_.reset();
    idle_before_ = false;
    return found;
  }

  void leave() {
    if (std::exchange(left_, true)) return;
    timer_.stop();
    pipe_->set_listener(nullptr);
    pipe_->set_interest(false, false);
    if (current_ != nullptr) current_->touched();
    host_.gone(*this);
  }

  ExchangeHost& host_;
  std::unique_ptr<loop::BytePipe> pipe_;
  ByteVector early_;
  SocketAddress from_;
  std::unique_ptr<Strangers::Place> place_;
  Exchange* current_ = nullptr;  // of the newest request
  exchange::ServerConnection core_;
  loop::Timer timer_;
  bool ending_ = false, left_ = false, idle_before_ = false;
};

ExchangeHost::ExchangeHost(loop::Loop& loop, const crypto::KeyPair& identity, Random& random,
                           Duration stranger_limit, Listener& listener)
    : Deferred(loop),
      loop_(loop),
      identity_(identity),
      random_(random),
      stranger_limit_(stranger_limit),
      listener_(listener) {}

ExchangeHost::~ExchangeHost() {
  connections_.clear();  // before what their requests are of
  gone_.clear();
}

void ExchangeHost::adopt(std::unique_ptr<loop::BytePipe> pipe, ByteVector received,
                         const SocketAddress& from, std::unique_ptr<Strangers::Place> place) {
  auto one = std::make_unique<Connection>(*this, std::move(pipe), std::move(received), from,
                                          std::move(place));
  auto* const key = one.get();
  connections_.emplace(key, std::move(one));
}

Exchange* ExchangeHost::find(const crypto::PublicKey& name) {
  const auto found = exchanges_.find(name);
  return found == exchanges_.end() ? nullptr : found->second.get();
}

Exchange* ExchangeHost::begin(const crypto::PublicKey& name, exchange::ExchangeKeys keys,
                              const SocketAddress& from) {
  if (closing_) return nullptr;
  auto place = listener_.place_for(from);
  if (!place) return nullptr;
  auto one = std::make_unique<Exchange>(loop_, name, std::move(keys),
                                        static_cast<Exchange::Listener&>(*this));
  auto* const exchange = one.get();
  exchanges_.emplace(name, std::move(one));
  listener_.on_exchange(name, exchange->make_pipe(), from, std::move(place));
  return exchange;
}

void ExchangeHost::admit(const crypto::PublicKey& name) {
  auto* const exchange = find(name);
  if (exchange == nullptr) return;
  exchange->server().admit();
  exchange->touched();
  for (const auto& [key, connection] : connections_)
    if (connection->server() == &exchange->server()) connection->became_known();
}

void ExchangeHost::on_exchange_over(Exchange& exchange) {
  const auto found = exchanges_.find(exchange.name());
  exchange.server().abort(ErrorCode::kClosed);
  for (const auto& [key, connection] : connections_) connection->forget(exchange);
  for (const auto& connection : gone_) connection->forget(exchange);
  over_.push_back(std::move(found->second));
  exchanges_.erase(found);
  schedule();
}

void ExchangeHost::gone(Connection& connection) {
  const auto found = connections_.find(&connection);
  gone_.push_back(std::move(found->second));
  connections_.erase(found);
  schedule();
}

void ExchangeHost::run_deferred() {
  gone_.clear();
  over_.clear();
}

}  // namespace culvert::service
