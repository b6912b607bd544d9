#include "service/conference.h"

namespace culvert::service {

bool Conferences::enter(const Place& place, const Door& member, std::size_t most) {
  const std::lock_guard lock(mutex_);
  auto& there = places_[place];
  if (there.size() >= most) return false;
  there.push_back(member);
  return true;
}

void Conferences::leave(const Place& place, const Door& member) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(place);
  std::erase(found->second, member);
  if (found->second.empty()) places_.erase(found);
}

std::vector<Conferences::Door> Conferences::members(const Place& place) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(place);
  return found == places_.end() ? std::vector<Door>{} : found->second;
}

std::unique_ptr<ConferenceMember> ConferenceMember::join(const Context& context,
                                                         Conferences::Place place, std::size_t most,
                                                         session::SessionLink& link,
                                                         mux::StreamId stream, Listener& listener) {
  std::unique_ptr<ConferenceMember> member(
      new ConferenceMember(context, std::move(place), link, stream, listener));
  member->entered_ = context.conferences.enter(member->place_, member->door_, most);
  if (!member->entered_) return nullptr;
  link.attach(stream, *member);
  link.accept(stream);
  return member;
}

ConferenceMember::ConferenceMember(const Context& context, Conferences::Place place,
                                   session::SessionLink& link, mux::StreamId stream,
                                   Listener& listener)
    : context_(context),
      place_(std::move(place)),
      link_(link),
      stream_(stream),
      listener_(listener),
      door_(*this, context.mailbox) {}

ConferenceMember::~ConferenceMember() {
  door_.remote().forget();
  if (!entered_) return;
  if (!stream_gone_) link_.detach(stream_);
  context_.conferences.leave(place_, door_);
}

void ConferenceMember::on_stream_readable() {
  stream_gone_ = true;
  link_.refuse(stream_, ErrorCode::kProtocol, "a conference takes datagrams alone");
  listener_.on_conference_left(*this);
}

void ConferenceMember::on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) {
  const auto now = context_.loop.now();
  for (const auto& other : context_.conferences.members(place_)) {
    if (other == door_) continue;
    Parcel parcel;
    for (const auto& one : datagrams)
      if (context_.budget.spend(one.data.size(), now)) parcel.add(one.data);
    other.deliver(context_.mailbox, std::move(parcel),
                  [](ConferenceMember& member, const Parcel& there) { member.send(there); });
  }
}

void ConferenceMember::send(const Parcel& datagrams) {
  if (stream_gone_) return;
  datagrams.for_each([this](Bytes one) { link_.send_datagram(stream_, one); });
  link_.schedule();
}

void ConferenceMember::on_stream_reset(const Error&) {
  stream_gone_ = true;
  listener_.on_conference_left(*this);
}

}  // namespace culvert::service
