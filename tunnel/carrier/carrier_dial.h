// tunnel/carrier/carrier_dial.h: one attempt to reach one address by one recipe. Gives a BytePipe
// that is usable at once: layers establish themselves while the first octets wait behind them.
#pragma once
#include <memory>
#include <string>

#include "tunnel/carrier/recipes.h"
#include "tunnel/carrier/tls_layer.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_dial.h"

namespace culvert::carrier {

class CarrierDial final : private loop::TcpDial::Listener {
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

  // `recipe` and `tls` must outlive the pipe. `host` is what TLS names in its SNI.
  CarrierDial(loop::Loop& loop, const Recipe& recipe, const SocketAddress& to, std::string host,
              TlsClientContext& tls, Duration limit, Listener& listener);
  const Recipe& recipe() const { return recipe_; }
  const SocketAddress& to() const { return dial_.to(); }

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;

  loop::Loop& loop_;
  const Recipe& recipe_;
  std::string host_;
  TlsClientContext& tls_;
  Listener& listener_;
  loop::TcpDial dial_;
};

}  // namespace culvert::carrier
