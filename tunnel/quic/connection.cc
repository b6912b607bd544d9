#include "tunnel/quic/connection.h"

#include <algorithm>
#include <cstring>

#include "tunnel/quic/connection_state.h"

namespace culvert::quic {
namespace {

// Application error codes of CONNECTION_CLOSE (RFC 9000 section 20.2).
constexpr std::uint64_t kInOrder = 0, kAborted = 1;

Error timed_out(const char* what) { return {ErrorCode::kTimedOut, what}; }

// The library borrows where it could be const.
ngtcp2_vec piece_of(Bytes bytes) { return {const_cast<std::uint8_t*>(as_u8(bytes)), bytes.size()}; }

}  // namespace

Result<std::unique_ptr<Connection>> Connection::make(const Settings& settings, TimePoint now) {
  auto state = std::make_unique<State>(settings);
  state->give_up_at = now + kHandshakeLimit;
  if (settings.role == Role::kClient) CULVERT_RETURN_IF_ERROR(state->begin(nullptr, now));
  return std::unique_ptr<Connection>(new Connection(std::move(state)));
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;

void Connection::State::begin_if_initial(Bytes datagram, TimePoint now) {
  ngtcp2_pkt_hd head{};
  if (!opening(datagram, settings.key) ||
      ngtcp2_accept(&head, as_u8(datagram), datagram.size()) != 0)
    return;
  if (const auto begun = begin(&head, now); !begun) failure = begun.error();
}

void Connection::State::forget() {
  connection.reset();
  tls.reset();
  stream = -1;
}

void Connection::receive(Bytes datagram, TimePoint now) {
  auto& state = *state_;
  if (state.failure || datagram.empty()) return;
  if (!state.connection) state.begin_if_initial(datagram, now);
  if (!state.connection) return;
  const int error = ngtcp2_conn_read_pkt(state.connection.get(), &the_path(), nullptr,
                                         as_u8(datagram), datagram.size(), stamp(now));
  if (error == NGTCP2_ERR_DROP_CONN || error == NGTCP2_ERR_RETRY) return state.forget();
  if (error != 0) return state.broke(error);
  if (state.reset_by_peer) close();
}

void Connection::tick(TimePoint now) {
  auto& state = *state_;
  if (state.failure) return;
  if (!state.connection) {
    if (now >= state.give_up_at) state.failure = timed_out("no QUIC client came in time");
    return;
  }
  state.in.release_if_empty();  // here, and not whenever all was read: it would grow anew each time
  if (ngtcp2_conn_get_expiry(state.connection.get()) > stamp(now)) return;
  if (const int error = ngtcp2_conn_handle_expiry(state.connection.get(), stamp(now)); error != 0)
    state.broke(error);
}

std::optional<TimePoint> Connection::next_deadline() const {
  const auto& state = *state_;
  if (state.failure) return std::nullopt;
  if (!state.connection) return state.give_up_at;
  const auto at = ngtcp2_conn_get_expiry(state.connection.get());
  if (at == UINT64_MAX) return std::nullopt;
  return TimePoint{Duration{static_cast<std::int64_t>(at)}};
}

void Connection::State::broke(int error) {
  ngtcp2_connection_close_error_default(&last_word);
  switch (error) {
    case NGTCP2_ERR_IDLE_CLOSE: failure = timed_out("the QUIC path was idle for too long"); return;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
      failure = timed_out("the QUIC handshake was not answered in time");
      return;
    case NGTCP2_ERR_DRAINING: {
      ngtcp2_conn_get_connection_close_error(connection.get(), &last_word);
      const bool in_order = last_word.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION &&
                            last_word.error_code == kInOrder;
      failure = Error{
          in_order ? ErrorCode::kClosed : ErrorCode::kReset,
          "the peer ended the QUIC connection (code " + std::to_string(last_word.error_code) + ")"};
      return;
    }
    case NGTCP2_ERR_CRYPTO:
      ngtcp2_connection_close_error_set_transport_error_tls_alert(
          &last_word, ngtcp2_conn_get_tls_alert(connection.get()), nullptr, 0);
      failure = Error{ErrorCode::kAuthentication, "the QUIC peer does not have the same key"};
      break;
    default:
      ngtcp2_connection_close_error_set_transport_error_liberr(&last_word, error, nullptr, 0);
      failure = Error{ErrorCode::kProtocol, std::string{"QUIC: "} + ngtcp2_strerror(error)};
  }
  last_word_due = true;
}

void Connection::close() {
  auto& state = *state_;
  if (state.failure) return;
  const bool in_order = state.peer_ended && delivered();
  ngtcp2_connection_close_error_default(&state.last_word);
  ngtcp2_connection_close_error_set_application_error(&state.last_word,
                                                      in_order ? kInOrder : kAborted, nullptr, 0);
  state.failure = state.reset_by_peer ? Error{ErrorCode::kReset, "the peer reset the QUIC stream"}
                                      : Error{ErrorCode::kClosed, "closed here"};
  state.last_word_due = state.connection != nullptr;
}

std::size_t Connection::State::write_close(MutableBytes into, ngtcp2_tstamp now) {
  last_word_due = false;
  const auto count = ngtcp2_conn_write_connection_close(connection.get(), nullptr, nullptr,
                                                        as_u8(into), into.size(), &last_word, now);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

// Length of one datagram; 0: nothing now; or an error of the library.
ngtcp2_ssize Connection::State::write_one(MutableBytes into, ngtcp2_tstamp now) {
  std::int64_t on = stream_closed ? -1 : stream;
  while (true) {
    const auto pieces = on < 0 ? SendBuffer::Pieces{} : out.next();
    const bool last = on >= 0 && end_due && pieces.octets() == out.unsent();
    if (pieces.count == 0 && (!last || end_sent)) on = -1;
    const std::array<ngtcp2_vec, SendBuffer::kMostPieces> parts{piece_of(pieces.piece[0]),
                                                                piece_of(pieces.piece[1])};
    ngtcp2_ssize taken = -1;
    const auto count = ngtcp2_conn_writev_stream(
        connection.get(), nullptr, nullptr, as_u8(into), into.size(), &taken,
        last ? NGTCP2_WRITE_STREAM_FLAG_FIN : NGTCP2_WRITE_STREAM_FLAG_NONE, on, parts.data(),
        on < 0 ? 0 : pieces.count, now);
    if (on >= 0 && (count == NGTCP2_ERR_STREAM_DATA_BLOCKED || count == NGTCP2_ERR_STREAM_SHUT_WR ||
                    count == NGTCP2_ERR_STREAM_NOT_FOUND)) {
      on = -1;  // acknowledgements and the like can still go
      continue;
    }
    if (count > 0 && taken >= 0 && on >= 0) {
      out.sent(static_cast<std::size_t>(taken));
      if (last && out.unsent() == 0) end_sent = true;
    }
    return count;
  }
}

std::span<const Bytes> Connection::pack(TimePoint now) {
  auto& state = *state_;
  if (!state.connection || (state.failure && !state.last_word_due)) return {};
  if (!state.room)
    state.room = std::make_unique_for_overwrite<std::byte[]>(kMostAtOnce * kMostDatagram);
  MutableBytes room{state.room.get(), kMostAtOnce * kMostDatagram};
  std::size_t count = 0;
  const auto add = [&](std::size_t length) {
    state.packed[count++] = room.first(length);
    room = room.subspan(length);
  };
  const auto at = stamp(now);
  auto* const connection = state.connection.get();
  if (!state.failure) {
    if (state.stream < 0 && state.settings.role == Role::kClient && established() &&
        ngtcp2_conn_open_bidi_stream(connection, &state.stream, nullptr) != 0)
      state.stream = -1;
    const auto most = std::clamp<std::size_t>(
        ngtcp2_conn_get_send_quantum(connection) / kMostDatagram, 2, kMostAtOnce);
    while (count < most) {
      const auto length = state.write_one(room.first(kMostDatagram), at);
      if (length < 0) {
        state.broke(static_cast<int>(length));
        break;
      }
      if (length == 0) break;
      add(static_cast<std::size_t>(length));
    }
    if (!state.failure) ngtcp2_conn_update_pkt_tx_time(connection, at);
  }
  if (state.last_word_due && count < kMostAtOnce)
    if (const auto length = state.write_close(room.first(kMostDatagram), at); length > 0)
      add(length);
  return std::span{state.packed}.first(count);
}

std::size_t Connection::room() const {
  return state_->failure || state_->end_due ? 0 : state_->out.room();
}

std::size_t Connection::write(Bytes data) { return room() == 0 ? 0 : state_->out.write(data); }

void Connection::end_writing() { state_->end_due = true; }

std::size_t Connection::read(MutableBytes into) {
  auto& state = *state_;
  const auto count = std::min(into.size(), state.in.size());
  if (count == 0) return 0;
  std::memcpy(into.data(), state.in.peek().data(), count);
  state.in.pop(count);
  if (!state.failure) {
    if (!state.stream_closed)
      ngtcp2_conn_extend_max_stream_offset(state.connection.get(), state.stream, count);
    ngtcp2_conn_extend_max_offset(state.connection.get(), count);
  }
  return count;
}

bool Connection::readable() const { return !state_->in.empty(); }
bool Connection::at_end() const { return state_->peer_ended && state_->in.empty(); }
bool Connection::established() const {
  return state_->connection && ngtcp2_conn_get_handshake_completed(state_->connection.get()) != 0;
}
bool Connection::delivered() const {
  return state_->out.all_acknowledged() && (!state_->end_due || state_->stream_closed);
}
const Error* Connection::failure() const { return state_->failure ? &*state_->failure : nullptr; }

Connection::Facts Connection::facts() const {
  Facts facts;
  if (!state_->connection) return facts;
  ngtcp2_conn_stat stat;
  ngtcp2_conn_get_conn_stat(state_->connection.get(), &stat);
  facts.round_trip = Duration{static_cast<std::int64_t>(stat.smoothed_rtt)};
  facts.window = stat.cwnd;
  facts.datagram = ngtcp2_conn_get_path_max_tx_udp_payload_size(state_->connection.get());
  facts.lost = ngtcp2_conn_get_stream_loss_count(state_->connection.get(), state_->stream);
  return facts;
}

}  // namespace culvert::quic
