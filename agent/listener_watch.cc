#include "agent/listener_watch.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "tunnel/base/log.h"

namespace culvert::agent {

WatchedListener as_told(const ProgramListener& listener) {
  WatchedListener told{listener.cookie, listener.asker};
  told.kernel_chose = listener.kernel_chose;
  told.asks_accepted = listener.asks_accepted;
  told.program = listener.program;
  if (listener.stand_in) {
    told.token = listener.stand_in->token;
    told.local = listener.local;
    told.said = listener.stand_in->at;
  } else {
    told.said = listener.local;
  }
  return told;
}

// Nobody is the peer of a listening socket, and of a UDP socket anybody may become it.
ListenerWatch::ListenerWatch(loop::Loop& loop, Listener& listener, Protocol protocol)
    : listener_(listener),
      protocol_(protocol),
      destroyed_(loop, IpPrefix{IpAddress::v4(0), protocol == Protocol::kTcp ? 32u : 0u}, *this,
                 protocol),
      timer_(loop, *this) {}

void ListenerWatch::add(const WatchedListener& told) {
  const auto socket = begin(told);
  if (!socket) return;
  ProgramListener listener{told.cookie, socket->local, told.asker, protocol_, socket->v6_only};
  listener.kernel_chose = told.kernel_chose;
  listener.asks_accepted = told.asks_accepted;
  listener.program = told.program;
  if (!told.token.empty()) {
    listener.local = told.local;
    listener.stand_in = StandIn{socket->local, told.token};
  }
  listeners_.emplace(told.cookie, listener);
  if (listener.kernel_chose) ++kernels_;
  if (!timer_.running()) timer_.start(kLookAgain);
  listener_.on_listener_found(listener);
}

void ListenerWatch::add_those_left(std::vector<WatchedListener> listeners) {
  if (listeners.empty()) return;
  const auto all = diag_.listeners(protocol_);
  if (!all) return log::warning("listen", {{"event", "forgotten"}, {"why", all.error().detail}});
  std::unordered_map<std::uint64_t, SocketAddress> there;
  for (const auto& socket : *all) there.emplace(socket.cookie, socket.local);
  for (auto& told : listeners) {
    const auto found = there.find(told.cookie);
    if (found == there.end()) continue;
    told.said = found->second;
    add(told);
  }
}

// Clients that ask for their port, thousands of them perhaps, keep no server out.
bool ListenerWatch::has_room_for(const WatchedListener& told) const {
  return (told.kernel_chose ? kernels_ : listeners_.size() - kernels_) < kMost;
}

std::optional<DiagSocket> ListenerWatch::begin(const WatchedListener& told) {
  // listen() again, a forked child's, or a program that asks for the port that it has chosen.
  if (const auto known = listeners_.find(told.cookie); known != listeners_.end()) {
    if (told.kernel_chose || !known->second.kernel_chose) return std::nullopt;
    remove(told.cookie);  // another thread of it was quicker to ask
  }
  if (!has_room_for(told)) {
    log::write(told.kernel_chose ? log::Level::kDebug : log::Level::kWarning, "listen",
               {{"event", "ignored"}, {"why", "too many listening sockets"}});
    return std::nullopt;
  }
  destroyed_.want(true);  // before looking: no death may fall in between
  auto found = find(told);
  if (!found) {
    log::warning("listen", {{"event", "ignored"}, {"why", found.error().detail}});
    return std::nullopt;
  }
  if (*found && told.asker.may_speak_for(told.cookie, (*found)->uid)) return *found;
  destroyed_.want(!listeners_.empty());
  return std::nullopt;
}

// Listing all takes as long as there are sockets, 0.5 ms with 2000: too long for a program that
// binds thousands. One alone is found unless others share its address.
Result<std::optional<DiagSocket>> ListenerWatch::find(const WatchedListener& told) {
  if (told.said.port != 0)
    if (auto found = diag_.find_listener(protocol_, told.said, told.cookie)) return found;
  auto all = diag_.listeners(protocol_);
  if (!all) return fail(std::move(all.error()));
  const auto found = std::find_if(all->begin(), all->end(), [&](const DiagSocket& socket) {
    return socket.cookie == told.cookie;
  });
  return found == all->end() ? std::nullopt : std::optional{*found};
}

void ListenerWatch::on_socket_destroyed(std::uint64_t cookie) { remove(cookie); }

void ListenerWatch::on_timer(loop::Timer&) {
  look();
  if (!listeners_.empty()) timer_.start(kLookAgain);
}

void ListenerWatch::look() {
  const auto all = diag_.listeners(protocol_);
  if (!all) return;
  std::unordered_set<std::uint64_t> alive;
  for (const auto& socket : *all) alive.insert(socket.cookie);
  std::vector<std::uint64_t> gone;
  for (const auto& [cookie, listener] : listeners_)
    if (!alive.contains(cookie)) gone.push_back(cookie);
  for (const auto cookie : gone) remove(cookie);
}

void ListenerWatch::remove(std::uint64_t cookie) {
  const auto found = listeners_.find(cookie);
  if (found == listeners_.end()) return;
  const auto listener = found->second;
  listeners_.erase(found);
  if (listener.kernel_chose) --kernels_;
  if (listeners_.empty()) {
    timer_.stop();
    destroyed_.want(false);  // may be called by destroyed_: it looks at its descriptor afterwards
  }
  listener_.on_listener_gone(listener);
}

}  // namespace culvert::agent
