// A proxy on the way that wants to know who asks. What it refuses by 407 has not reached the
// service, and goes again.
#include <algorithm>

#include "tunnel/exchange/client.h"

namespace culvert::exchange {
namespace {

constexpr Duration kRefusalLimit = std::chrono::seconds{8};  // for the page that comes with it
constexpr std::uint64_t kMostPage = 1024 * 1024;

}  // namespace

// Nothing has reached the service, and the next request is only to be refused: no body, no data.
void Client::knock(ClientLane& lane, TimePoint now) {
  const auto target = "http://" + options_.authority + "/";
  Flight flight;
  flight.sent_at = flight.said_at = now;
  flight.until = now + kRefusalLimit;
  flight.whole = true;
  const auto login = options_.login->authorization(lane.id(), "GET", target);
  lane.begin(std::move(flight),
             as_bytes("GET " + target + " HTTP/1.1\r\nHost: " + options_.authority +
                      "\r\nCache-Control: no-store\r\n" +
                      (login.empty() ? "" : "Proxy-Authorization: " + login + "\r\n") + "\r\n"));
}

void Client::knock_if_due(ClientLane& lane, TimePoint now) {
  if (options_.login != nullptr && lane.idle() && options_.login->knocks(lane.id()))
    knock(lane, now);
}

std::size_t Client::lanes_that_log_in() const {
  return static_cast<std::size_t>(std::ranges::count_if(lanes_, [](const auto& lane) {
    return !lane->closed() && lane->flight() != nullptr && lane->flight()->number == 0;
  }));
}

// While the proxy has not accepted anybody, one request at a time tries: some directories lock out
// who is wrong a few times.
bool Client::login_is_tried() const {
  return login_due_ && std::ranges::any_of(lanes_, [](const auto& lane) {
           return !lane->closed() && lane->flight() != nullptr;
         });
}

// False: nothing more comes from this lane.
bool Client::refused_by_login(ClientLane& lane, TimePoint now) {
  const auto next = options_.login->challenged(lane.id(), lane.head());
  if (!next) {
    fail_with(next.error());
    return false;
  }
  login_due_ = true;
  tell_now_ = established_;  // it may have been the one that told
  auto& flight = *lane.flight();
  const bool sends = flight.kind == RequestKind::kPost || flight.kind == RequestKind::kPostStream;
  if (flight.number != 0 && sends) sender_.lost(flight.number);
  if (*next == LaneLogin::Next::kNewLane || !flight.whole || !lane.head().keep_alive) {
    lane.close();
    return false;
  }
  flight = Flight{};  // what follows is a page for people
  flight.sent_at = flight.said_at = now;
  flight.until = now + kRefusalLimit;
  flight.whole = true;
  return true;
}

// Of a refusal, or of an answer to a knock.
bool Client::pass_over_page(ClientLane& lane, TimePoint now) {
  auto& flight = *lane.flight();
  flight.octets += lane.content().size();
  lane.content() = {};
  if (flight.octets <= kMostPage) return true;
  lose(lane, {ErrorCode::kProtocol, "the proxy's page about its login does not end (1 MiB)"}, now);
  return false;
}

}  // namespace culvert::exchange
