// tunnel/exchange/server_connection.h: one HTTP connection at the service that brings requests of
// exchanges, one after the other, of one exchange or of several (middleboxes share connections
// among their clients). Sans-IO.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/exchange/call.h"
#include "tunnel/exchange/http_body.h"

namespace culvert::exchange {

// "/c/" ephemeral key "/" token, both base64url; also as the path of an absolute URL.
struct ExchangeTarget {
  crypto::PublicKey exchange;
  std::string_view token;
};
std::optional<ExchangeTarget> parse_target(std::string_view target);
std::string make_target(const crypto::PublicKey& exchange, std::string_view token);
// Whether what a connection begins with is a request of an exchange; nullopt: too few octets.
std::optional<bool> looks_like_exchange(Bytes received);

// Who knows the exchanges.
class Directory {
 public:
  struct Found {
    Server* server = nullptr;          // null: there is none, and this request begins none
    std::optional<ExchangeKeys> keys;  // with null: to say so under seal; none: not even a token
    ExchangeKeys::Token token;
    Request request;
  };
  virtual Found find(const ExchangeTarget& target) = 0;

 protected:
  ~Directory() = default;
};

class ServerConnection final : private Call::Listener {
 public:
  class Listener {
   public:
    virtual void on_output() = 0;  // of the connection; not from inside its own calls' callers

   protected:
    ~Listener() = default;
  };
  // A request body of more is refused: nothing in this protocol needs it.
  static constexpr std::uint64_t kMaxBody = std::uint64_t{1} << 30;

  ServerConnection(Directory& directory, Random& random, Listener& listener);
  ~ServerConnection();

  bool wants_input() const { return input_.size() < kMaxInput && !closing_; }
  void receive(Bytes octets, TimePoint now);
  Bytes pending_output() const;
  void output_sent(std::size_t count, TimePoint now);
  bool finished() const { return closing_ && pending_output().empty(); }  // close it
  bool idle() const { return !call_ && input_.empty(); }
  const Server* server() const { return call_ ? call_->server() : nullptr; }  // of this request

 private:
  static constexpr std::size_t kMaxInput = 128 * 1024;  // while an answer is awaited
  void on_call_output() override { listener_.on_output(); }
  void process(TimePoint now);
  bool begin(TimePoint now);  // false: the head is not complete
  void refuse(std::string_view status);

  Directory& directory_;
  Random& random_;
  Listener& listener_;
  ByteQueue input_;
  ByteQueue output_;                 // of refusals
  std::unique_ptr<Server> strange_;  // stands in for an exchange that is not here
  BodyReader body_;
  std::unique_ptr<Call> call_;  // before strange_ goes
  bool closing_ = false;
};

}  // namespace culvert::exchange
