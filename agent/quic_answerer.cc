#include "agent/quic_answerer.h"

#include <cerrno>

#include "tunnel/base/log.h"
#include "tunnel/quic/quic_pipe.h"

namespace culvert::agent {
namespace {

// A client's first datagram begins with the header of an Initial packet (RFC 9000 section 17.2).
bool may_open(Bytes packet) {
  return packet.size() >= quic::Connection::kFirstDatagram &&
         (std::to_integer<unsigned>(packet[0]) & 0xf0) == 0xc0;
}

}  // namespace

QuicAnswerer::QuicAnswerer(const OwnEndpoint& self, UdpPath& path,
                           DirectAnswerer::Listener& listener)
    : self_(self), path_(path), listener_(listener) {
  path_.set_user(this);
}

QuicAnswerer::~QuicAnswerer() {
  path_.set_user(nullptr);
  if (channel_ != nullptr) channel_->cut(ENETDOWN);
}

void QuicAnswerer::on_udp_path_down(UdpPath&) {
  if (channel_ != nullptr) channel_->cut(ETIMEDOUT);
}

void QuicAnswerer::on_udp_packet(UdpPath&, Bytes packet) {
  if (may_open(packet)) open_if_new(packet);
  if (channel_ != nullptr) channel_->receive(packet);
}

void QuicAnswerer::open_if_new(Bytes packet) {
  const auto key = path_.key_for("quic path");
  const auto id = key ? quic::Connection::opening(packet, *key) : std::nullopt;
  if (!id || *id == newest_) return;
  newest_ = *id;
  if (channel_ != nullptr) channel_->cut(ECONNRESET);
  quic::Connection::Settings settings;
  settings.role = quic::Connection::Role::kServer;
  settings.key = *key;
  settings.random = &self_.random;
  auto pipe =
      quic::QuicPipe::make(self_.loop, settings, std::make_unique<QuicChannel>(path_, channel_));
  if (!pipe) return log::warning("quic", {{"event", "not-possible"}, {"why", pipe.error().detail}});
  listener_.on_dialled_back(*std::move(pipe), {"quic", path_.peer().to_string()});
}

}  // namespace culvert::agent
