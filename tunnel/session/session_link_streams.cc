// The owners' side: streams, control messages, and the events of the session.
#include <algorithm>

#include "tunnel/session/session_link.h"

namespace culvert::session {

Result<mux::StreamId> SessionLink::open(const control::Target& target, StreamHandler& handler) {
  if (down_) return fail(ErrorCode::kNetworkUnreachable, "the session is ending");
  const auto stream = streams().open(control::encode(target));
  if (!stream) return fail(stream.error());
  attach(*stream, handler);
  schedule();
  return *stream;
}

void SessionLink::attach(mux::StreamId stream, StreamHandler& handler) {
  streams().set_owner(stream, &handler);
}

void SessionLink::detach(mux::StreamId stream) {
  if (streams().knows(stream)) streams().set_owner(stream, nullptr);
}

void SessionLink::accept(mux::StreamId stream) {
  streams().accept(stream);
  schedule();
}

void SessionLink::refuse(mux::StreamId stream, ErrorCode code, std::string_view reason) {
  detach(stream);
  if (streams().knows(stream)) streams().reset(stream, code, reason);
  schedule();
}

void SessionLink::send_datagram(mux::StreamId stream, Bytes datagram) {
  if (down_ || frozen_) return;
  // Only of a stream that the peer is sure to know: it ignores those of others.
  const bool known = streams().knows(stream) && streams().accepted(stream);
  if (datagram_path_ != nullptr && known && datagram_path_->carry(stream, datagram)) return;
  if (datagram_path_ != nullptr && !known) datagram_path_->want();
  streams().send_datagram(stream, datagram, loop_.now());
}

void SessionLink::take_datagrams(std::span<const mux::ArrivedDatagram> arrived) {
  if (!frozen_) hand_datagrams_on(arrived);
}

void SessionLink::send(const control::Message& message) {
  control_backlog_.append(control::encode(message));
  schedule();
}

void SessionLink::send_backlog() {
  if (control_backlog_.empty()) return;
  control_backlog_.pop(streams().write(mux::kControlStream, control_backlog_.peek()));
  control_backlog_.release_if_empty();
  if (control_held_ && control_backlog_.empty()) read_control_stream();
}

// Who asks on and on and hears no answer is not asked for more: what it may say is the control
// stream's window. Of the two ends of a session only one does so, or each could wait for the other.
bool SessionLink::hears_no_answers() const {
  return initiator_ == nullptr && control_backlog_.size() > kMostBacklog;
}

void SessionLink::close(const std::string& reason) {
  if (closing_ || down_) return;
  if (!session_.attached()) return go_down({ErrorCode::kClosed, reason});  // nobody to tell
  send(control::Goodbye{reason});
  closing_ = true;
}

void SessionLink::drain_events() {
  using Kind = mux::Event::Kind;
  while (!down_) {
    const auto event = streams().next_event();
    if (!event) return;
    if (event->stream == mux::kControlStream) {
      if (event->kind == Kind::kReadable) read_control_stream();
      continue;
    }
    if (event->kind == Kind::kOpened) {
      on_opened(event->stream);
      continue;
    }
    auto* const handler = static_cast<StreamHandler*>(event->owner);
    switch (event->kind) {
      case Kind::kAccepted:
        if (handler != nullptr) handler->on_stream_accepted();
        break;
      case Kind::kReadable:
        if (handler != nullptr) handler->on_stream_readable();
        break;
      case Kind::kWritable:
        if (handler != nullptr) handler->on_stream_writable();
        break;
      case Kind::kReset:
        if (handler != nullptr)
          handler->on_stream_reset({event->code, std::string(streams().last_reason())});
        break;
      case Kind::kDone:
      case Kind::kOpened: break;
    }
  }
}

void SessionLink::show_datagrams_ahead() {
  for (const auto& one : streams().datagrams()) {
    auto* const handler = streams().knows(one.stream)
                              ? static_cast<StreamHandler*>(streams().owner(one.stream))
                              : nullptr;
    if (handler != nullptr) handler->on_datagram_ahead(one.data);
  }
}

void SessionLink::hand_datagrams_on(std::span<const mux::ArrivedDatagram> arrived) {
  auto left = arrived;
  while (!left.empty() && !down_) {
    const auto stream = left.front().stream;
    const auto end = std::ranges::find_if(
        left, [&](const mux::ArrivedDatagram& one) { return one.stream != stream; });
    const auto count = static_cast<std::size_t>(end - left.begin());
    auto* const handler =
        streams().knows(stream) ? static_cast<StreamHandler*>(streams().owner(stream)) : nullptr;
    if (handler != nullptr) handler->on_stream_datagrams(left.first(count));
    left = left.subspan(count);
  }
}

void SessionLink::on_opened(mux::StreamId stream) {
  const auto target = control::decode_target(streams().target(stream));
  if (!target) return refuse(stream, ErrorCode::kProtocol, target.error().detail);
  if (target->kind == control::Target::Kind::kBesideUdp) return on_opened_beside(stream, *target);
  listener_.on_stream_opened(*this, stream, *target);
}

void SessionLink::on_opened_beside(mux::StreamId stream, const control::Target& target) {
  const mux::StreamId flow{target.beside};
  auto* const handler = flow != mux::kControlStream && streams().knows(flow)
                            ? static_cast<StreamHandler*>(streams().owner(flow))
                            : nullptr;
  if (handler == nullptr || !handler->on_stream_opened_beside(*this, stream, target.port))
    refuse(stream, ErrorCode::kRefused, "there is no flow of datagrams that this could belong to");
}

void SessionLink::read_control_stream() {
  while (!down_) {
    control_held_ = hears_no_answers();
    if (control_held_) return;
    const auto bytes = streams().readable(mux::kControlStream);
    std::size_t taken = 0;
    const auto message = control::take_message(bytes, taken);
    if (!message) return go_down(message.error());
    if (taken != 0) streams().consumed(mux::kControlStream, taken);
    if (!*message) {
      if (taken == 0) return;
      continue;  // a message of a later version was skipped
    }
    if (const auto* goodbye = std::get_if<control::Goodbye>(&**message))
      return go_down({ErrorCode::kClosed, "the peer closed the session: " + goodbye->reason});
    listener_.on_control(*this, **message);
  }
}

}  // namespace culvert::session
