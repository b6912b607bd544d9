// tunnel/carrier/carrier_dial.h: goes one way to the service: connects, has the proxies' and web
// servers' conversations, and gives a BytePipe. TLS on top still shakes hands while the first
// octets wait behind it: nothing is won by waiting for it here.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "tunnel/carrier/ftp_pair_dial.h"
#include "tunnel/carrier/ticket_source.h"
#include "tunnel/carrier/tls_layer.h"
#include "tunnel/carrier/way_steps.h"
#include "tunnel/crypto/keys.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_dial.h"

namespace culvert::carrier {

class ProxyLogin;
class ProxyTrust;
class Stack;

// What layers need besides the way; borrowed, and outlives every pipe.
struct Means {
  TlsClientContext& tls;
  Random& random;
  crypto::PublicKey service_key{};    // for recipes with lanes
  ProxyTrust* proxy_trust = nullptr;  // null: no https:// proxy is gone through
  TicketSource* tickets = nullptr;    // null: no proxy is shown one
};

class CarrierDial final : private loop::TcpDial::Listener,
                          private FtpDial::Listener,
                          private loop::BytePipe::Listener,
                          private loop::Timer::Listener,
                          private TicketSource::Listener {
 public:
  class Listener {
   public:
    // `pipe` is null when the dial failed: `why` says so for people ("direct to 192.0.2.1:443:
    // connection refused"). Called once, never from the constructor; may destroy the dial.
    virtual void on_carrier(CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                            const Error& why) = 0;

   protected:
    ~Listener() = default;
  };

  // `limit`: for the connection, and once more for the conversations on it.
  CarrierDial(loop::Loop& loop, Way way, Means means, Duration limit, Listener& listener);
  ~CarrierDial();
  const Way& way() const { return way_; }
  bool connected() const {
    return pipe_ != nullptr || ftp_ || ftp_pair_;
  }  // TCP is, while this is under way

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void on_ftp(std::unique_ptr<loop::BytePipe> pipe, const Error& why, bool again) override;
  void on_readable() override {}
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void on_ticket(Result<std::string> ticket) override;

  Result<std::unique_ptr<Layer>> make_layer(const WayStep& step);
  Result<std::unique_ptr<Layer>> make_tls(const WayStep& step) const;
  Result<std::unique_ptr<Layer>> make_socks(const WayStep& step) const;
  std::shared_ptr<ProxyLogin> login_to(const Proxy& proxy);
  std::unique_ptr<Layer> make_websocket();
  void dial();
  bool ask_for_ticket();     // false: none is needed
  void go_on_with_ticket();  // the layer on top waits for it
  void begin_ftp(const WayStep& step);
  void climb();                    // to the next layer that has a conversation, or to the top
  Result<void> become_exchange();  // pipe_, which is its first lane
  void failed(const Error& why);

  loop::Loop& loop_;
  Way way_;
  Means means_;
  Duration limit_;
  Listener& listener_;
  std::unique_ptr<loop::BytePipe> pipe_;
  Stack* opening_ = nullptr;  // the top of pipe_, while its layer has its conversation
  std::vector<WayStep> steps_;
  std::size_t next_ = 0;  // of them
  std::map<const Proxy*, std::shared_ptr<ProxyLogin>> logins_;
  FtpPairDial::Logins ftp_logins_;  // the second: of the second half of a pair
  int dials_ = 0;
  ProxyLogin* ticket_for_ = nullptr;
  std::unique_ptr<TicketSource::Question> ticket_;
  bool ticket_on_connection_ = false;  // it goes on there
  bool dial_again_ = false;            // when the timer comes
  loop::Timer timer_;
  std::optional<loop::TcpDial> dial_;
  std::optional<FtpDial> ftp_;
  std::optional<FtpPairDial> ftp_pair_;
};

}  // namespace culvert::carrier
