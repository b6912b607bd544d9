// service/visitor.h: one connection from accept until it is known who it is: finds out the
// protocol, unwraps TLS, greets. Knows nothing of who may enter: that is its listener's decision.
//
//   accepted -> kSorting -+-> (TLS, WebSocket: sort again, inside) -> kGreeting -> kJudged ->
//   kAnswering -> gone
//                         +-> kReadingWeb -> kAnsweringWeb -> kEndingWeb -> gone
//                                         +-> (a request of an exchange) -> gone
//                         +-> (silence) -> kFtp -> gone
//
// Bounds before login (S6): one time limit for everything up to the complete hello, 8 KiB of input
// (64 KiB in a hello), one TLS layer and in it one WebSocket. A visitor that speaks nothing known
// is closed without a word.
#pragma once
#include <memory>
#include <optional>

#include "service/ftp_control.h"
#include "service/ftp_data_port.h"
#include "tunnel/carrier/layer.h"
#include "tunnel/carrier/tls_context.h"
#include "tunnel/loop/timer.h"
#include "tunnel/session/greeter.h"

namespace culvert::service {

class Visitor final : private loop::BytePipe::Listener,
                      private loop::Timer::Listener,
                      private session::Greeter::Listener,
                      private FtpControl::Doors,
                      private FtpDataPort::Listener {
 public:
  // None of these may destroy the visitor: the front door does, in a later turn of the loop.
  class Listener {
   public:
    virtual void on_hello(Visitor& visitor, session::ResponderHandshake::Greeting& greeting) = 0;
    virtual void on_answered(Visitor& visitor) = 0;  // take_*(), or leave it
    virtual void on_requests(Visitor& visitor) = 0;  // of exchanges: take_connection()
    // By FTP: it will be gone when its time is over, unless it is told to stay().
    virtual void on_file_asked(Visitor& visitor) = 0;
    virtual void on_half(Visitor& visitor) = 0;  // of a pair, with its data connection: half()
    // Once, last: it is gone, in whatever state. Nobody is told before a hello but the front door.
    virtual void on_visitor_gone(Visitor& visitor, const std::string& why) = 0;

   protected:
    ~Listener() = default;
  };

  struct Context {
    loop::Loop& loop;
    carrier::TlsServerContext& tls;
    const crypto::KeyPair& identity;
    Random& random;
    Duration limit;
  };
  enum class Outside : std::uint8_t { kNothing, kExchange, kFiles };  // what its octets come out of
  Visitor(const Context& context, std::unique_ptr<loop::BytePipe> pipe, const SocketAddress& from,
          Outside outside, Listener& listener);

  // If nothing has been said by then, it may be an FTP proxy that waits to be greeted: it is told
  // that its data connections are to come to `here`, but those of pairs to `ports`.
  void greet_after(Duration silence, const SocketAddress& here, const FtpDataPort::Range& ports);
  void stay() { timer_.stop(); }

  // For on_hello(), now or later.
  void answer(const control::HelloAnswer& answer);
  // For on_answered().
  std::unique_ptr<loop::BytePipe> take_pipe() { return greeter_->take_pipe(); }
  ByteVector take_received() { return greeter_->take_received(); }
  session::DirectionKeys keys() { return greeter_->keys(); }

  // For on_half().
  const FtpControl::Half& half() const { return *ftp_->half(); }
  std::unique_ptr<loop::BytePipe> take_data() { return std::move(data_); }

  // For on_requests().
  std::pair<std::unique_ptr<loop::BytePipe>, ByteVector> take_connection() {
    return {std::move(pipe_), std::move(received_)};
  }

  void leave(const std::string& why);  // ends it; on_visitor_gone() is told at once
  ByteVector tls_certificate() const { return context_.tls.fingerprint(); }
  const SocketAddress& from() const { return from_; }  // canonical
  std::string_view carrier() const;

 private:
  enum class State : std::uint8_t {
    kSorting,
    kGreeting,  // until the hello is complete
    kJudged,    // the listener has it
    kAnswering,
    kReadingWeb,
    kAnsweringWeb,
    kEndingWeb,  // until the browser has read the answer
    kFtp,
    kGone,
  };
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void on_greeted(session::Greeter& greeter,
                  session::ResponderHandshake::Greeting& greeting) override;
  void on_answered(session::Greeter& greeter) override;
  void on_greeting_failed(session::Greeter& greeter, const Error& why) override;
  std::optional<std::uint16_t> open_data_port() override;
  void on_data(std::unique_ptr<loop::BytePipe> data) override;
  void offer_half();
  void sort();
  void unwrap_tls();
  void unwrap_websocket(std::string_view key, Bytes behind);
  void unwrap(std::unique_ptr<carrier::Layer> layer, Bytes received);
  void greet();
  void read_web();
  void greet_ftp();
  void read_ftp();

  Context context_;
  Listener& listener_;
  SocketAddress from_;
  State state_ = State::kSorting;
  bool in_tls_ = false, in_websocket_ = false;
  Outside outside_;
  std::unique_ptr<loop::BytePipe> pipe_;
  ByteVector received_;
  std::string page_;  // still to be written, or replies of FTP
  std::optional<FtpControl> ftp_;
  FtpDataPort::Range data_ports_;
  std::optional<FtpDataPort> data_port_;
  std::unique_ptr<loop::BytePipe> data_;
  bool offered_ = false;
  std::optional<session::Greeter> greeter_;
  loop::Timer timer_, silence_;
};

}  // namespace culvert::service
