#include "tunnel/carrier/carrier_dial.h"

#include <cstring>

#include "tunnel/carrier/http_connect.h"
#include "tunnel/carrier/stack.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::carrier {

CarrierDial::CarrierDial(loop::Loop& loop, Way way, Means means, Duration limit, Listener& listener)
    : loop_(loop),
      way_(std::move(way)),
      means_(means),
      limit_(limit),
      listener_(listener),
      timer_(loop, *this),
      dial_(loop, way_.first_hop, limit, *this) {}

CarrierDial::~CarrierDial() {
  if (pipe_ != nullptr) pipe_->set_listener(nullptr);
}

std::unique_ptr<Layer> CarrierDial::make_layer(LayerKind kind) {
  switch (kind) {
    case LayerKind::kTls: return TlsLayer::client(means_.tls, way_.service.host);
    case LayerKind::kHttpConnect: return std::make_unique<HttpConnect>(way_.service);
  }
  return nullptr;
}

void CarrierDial::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  if (error != 0) return failed({from_errno(error), std::strerror(error)});
  loop::tune_carrier(fd.get());
  pipe_ = std::make_unique<loop::TcpSocket>(loop_, std::move(fd));
  if (way_.recipe->needs_proxy()) timer_.start(limit_);
  climb();
}

void CarrierDial::climb() {
  const auto layers = way_.recipe->layers;
  while (next_ < layers.size()) {
    const auto kind = layers[next_++];
    auto stack = std::make_unique<Stack>(loop_, std::move(pipe_), make_layer(kind));
    opening_ = stack.get();
    pipe_ = std::move(stack);
    if (kind == LayerKind::kTls) continue;
    pipe_->set_listener(this);
    return pipe_->set_interest(/*readable=*/false, /*writable=*/true);
  }
  timer_.stop();
  opening_ = nullptr;
  listener_.on_carrier(*this, std::move(pipe_), {});
}

// The layer on top is established.
void CarrierDial::on_writable() {
  pipe_->set_listener(nullptr);
  pipe_->set_interest(false, false);
  // The call comes from inside the stack that is given up here: nothing of it is touched any more.
  if (opening_->layer().is_only_an_opening()) pipe_ = opening_->take_under();
  climb();
}

void CarrierDial::on_broken(int error) {
  const auto* known = pipe_->failure();
  failed(known != nullptr ? *known : Error{from_errno(error), std::strerror(error)});
}

void CarrierDial::on_timer(loop::Timer&) {
  failed({ErrorCode::kTimedOut, "no answer to " + opening_->layer().describe()});
}

void CarrierDial::failed(const Error& why) {
  timer_.stop();
  if (pipe_ != nullptr) pipe_->set_listener(nullptr);
  listener_.on_carrier(*this, nullptr, {why.code, to_string(way_) + ": " + why.detail});
}

}  // namespace culvert::carrier
