// service/forward.h: one stream that an endpoint wants connected to an ordinary host: resolves,
// asks the guard about every address, connects to each in turn as a native client would, and hands
// the connection over. The program behind the stream sees the errors it would see natively.
#pragma once
#include <optional>

#include "resolver/dns_client.h"
#include "service/guard.h"
#include "tunnel/loop/tcp_dial.h"
#include "tunnel/session/session_link.h"

namespace culvert::service {

class Forward final : private session::SessionLink::StreamHandler,
                      private resolver::DnsRequest::Listener,
                      private loop::TcpDial::Listener {
 public:
  static constexpr std::size_t kMaxAddresses = 16;  // tried of one name

  class Listener {
   public:
    // One of them, once: destroy it.
    virtual void on_forward_connected(Forward& forward, UniqueFd destination) = 0;
    virtual void on_forward_ended(Forward& forward) = 0;
    virtual bool may_log() = 0;  // that it was denied; see service/line_budget.h

   protected:
    ~Listener() = default;
  };
  struct Context {
    loop::Loop& loop;
    resolver::DnsClient& dns;
    const Guard& guard;
    NamedBy named_by;
    Duration connect_limit;  // for all addresses together
  };

  Forward(const Context& context, session::SessionLink& link, mux::StreamId stream,
          const control::Target& target, std::string_view endpoint, Listener& listener);
  ~Forward();
  void start();  // may end it at once
  mux::StreamId stream() const { return stream_; }

 private:
  void on_stream_accepted() override {}
  void on_stream_readable() override {}  // waits in the stream until the flow reads it
  void on_stream_writable() override {}
  void on_stream_reset(const Error& why) override;
  void on_resolved(resolver::DnsRequest& request,
                   Result<std::vector<IpAddress>> addresses) override;
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;

  void connect_next();
  void refuse(const Error& why);

  Context context_;
  session::SessionLink& link_;
  mux::StreamId stream_;
  control::Target target_;
  std::string endpoint_;  // whose stream it is, for the log
  Listener& listener_;
  TimePoint deadline_;
  std::vector<IpAddress> addresses_;
  std::size_t next_ = 0;
  std::optional<Error> failure_;  // of a connection; else the guard's refusal is told
  std::optional<Error> denial_;
  std::optional<resolver::DnsRequest> resolving_;
  std::optional<loop::TcpDial> dial_;
  bool stream_gone_ = false;  // reset, refused, or handed over
};

}  // namespace culvert::service
