#include "service/conference.h"

namespace culvert::service {

std::size_t Conferences::members(const Place& place) const {
  const auto found = places_.find(place);
  return found == places_.end() ? 0 : found->second.size();
}

ConferenceMember::ConferenceMember(const Context& context, Conferences::Place place,
                                   session::SessionLink& link, mux::StreamId stream,
                                   Listener& listener)
    : context_(context),
      place_(std::move(place)),
      link_(link),
      stream_(stream),
      listener_(listener) {
  context_.conferences.places_[place_].push_back(this);
  link_.attach(stream_, *this);
  link_.accept(stream_);
}

ConferenceMember::~ConferenceMember() {
  if (!stream_gone_) link_.detach(stream_);
  const auto found = context_.conferences.places_.find(place_);
  std::erase(found->second, this);
  if (found->second.empty()) context_.conferences.places_.erase(found);
}

void ConferenceMember::on_stream_readable() {
  stream_gone_ = true;
  link_.refuse(stream_, ErrorCode::kProtocol, "a conference takes datagrams alone");
  listener_.on_conference_left(*this);
}

void ConferenceMember::on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) {
  const auto now = context_.loop.now();
  for (auto* const other : context_.conferences.places_[place_]) {
    if (other == this) continue;
    for (const auto& one : datagrams)
      if (context_.budget.spend(one.data.size(), now))
        other->link_.send_datagram(other->stream_, one.data);
    other->link_.schedule();
  }
}

void ConferenceMember::on_stream_reset(const Error&) {
  stream_gone_ = true;
  listener_.on_conference_left(*this);
}

}  // namespace culvert::service
