#include "service/directory.h"

#include <algorithm>

namespace culvert::service {

struct Directory::Entry {
  std::string name;
  ByteVector certificate;
  loop::Mailbox* mailbox = nullptr;
  loop::Remote<ClientLink> link;
  bool published = false;
  std::vector<std::string> expected;
  std::optional<TimePoint> away_since;

  bool admits(std::string_view caller, TimePoint now) const {
    if (!link || (away_since && now - *away_since > Duration{kAwayUnnoticed})) return false;
    return published || std::ranges::find(expected, caller) != expected.end();
  }
};

Directory::Place Directory::enter(const std::string& name, ByteVector certificate,
                                  loop::Mailbox& mailbox) {
  auto place = std::make_shared<Entry>();
  place->name = name;
  place->certificate = std::move(certificate);
  place->mailbox = &mailbox;
  const std::lock_guard lock(mutex_);
  places_[name] = place;
  newest_ = &mailbox;
  return place;
}

void Directory::leave(const Place& place) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(place->name);
  if (found != places_.end() && found->second == place) places_.erase(found);
}

void Directory::set_certificate(const Place& place, const ByteVector& certificate) {
  const std::lock_guard lock(mutex_);
  place->certificate = certificate;
}

ByteVector Directory::certificate(const Place& place) const {
  const std::lock_guard lock(mutex_);
  return place->certificate;
}

void Directory::set_link(const Place& place, loop::Remote<ClientLink> link) {
  const std::lock_guard lock(mutex_);
  place->link = std::move(link);
}

void Directory::set_published(const Place& place, bool published) {
  const std::lock_guard lock(mutex_);
  place->published = published;
}

void Directory::set_expected(const Place& place, std::vector<std::string> callers) {
  const std::lock_guard lock(mutex_);
  place->expected = std::move(callers);
}

std::vector<std::string> Directory::expected(const Place& place) const {
  const std::lock_guard lock(mutex_);
  return place->expected;
}

void Directory::set_away_since(const Place& place, std::optional<TimePoint> since) {
  const std::lock_guard lock(mutex_);
  place->away_since = since;
}

loop::Mailbox& Directory::mailbox_for(std::string_view name, loop::Mailbox& otherwise) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(name);
  if (found != places_.end()) return *found->second->mailbox;
  return newest_ != nullptr ? *newest_ : otherwise;
}

std::optional<Directory::Reachable> Directory::reachable(std::string_view name,
                                                         std::string_view caller,
                                                         TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(name);
  if (found == places_.end() || !found->second->admits(caller, now)) return std::nullopt;
  return Reachable{found->second->certificate, found->second->link};
}

}  // namespace culvert::service
