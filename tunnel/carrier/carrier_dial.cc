#include "tunnel/carrier/carrier_dial.h"

#include <cstring>

#include "tunnel/carrier/stack.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::carrier {
namespace {

std::unique_ptr<Layer> make_client_layer(LayerKind kind, TlsClientContext& tls,
                                         const std::string& host) {
  switch (kind) {
    case LayerKind::kTls: return TlsLayer::client(tls, host);
  }
  return nullptr;
}

}  // namespace

CarrierDial::CarrierDial(loop::Loop& loop, const Recipe& recipe, const SocketAddress& to,
                         std::string host, TlsClientContext& tls, Duration limit,
                         Listener& listener)
    : loop_(loop),
      recipe_(recipe),
      host_(std::move(host)),
      tls_(tls),
      listener_(listener),
      dial_(loop, to, limit, *this) {}

void CarrierDial::on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) {
  if (error != 0)
    return listener_.on_carrier(
        *this, nullptr,
        {from_errno(error),
         std::string(recipe_.name) + " to " + dial.to().to_string() + ": " + std::strerror(error)});
  loop::tune_carrier(fd.get());
  std::unique_ptr<loop::BytePipe> pipe = std::make_unique<loop::TcpSocket>(loop_, std::move(fd));
  for (const auto kind : recipe_.layers)
    pipe = std::make_unique<Stack>(loop_, std::move(pipe), make_client_layer(kind, tls_, host_));
  listener_.on_carrier(*this, std::move(pipe), {});
}

}  // namespace culvert::carrier
