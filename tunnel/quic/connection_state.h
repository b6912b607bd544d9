// tunnel/quic/connection_state.h: what a Connection has besides the library's own state, and the
// library's questions to it. Internal to tunnel/quic.
#pragma once
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <array>

#include "tunnel/base/byte_queue.h"
#include "tunnel/quic/connection.h"
#include "tunnel/quic/psk_tls.h"
#include "tunnel/quic/send_buffer.h"

namespace culvert::quic {

struct Connection::State {
  struct Delete {
    void operator()(ngtcp2_conn* one) const { ngtcp2_conn_del(one); }
  };

  explicit State(const Settings& with);
  // A client's, or a server's answer to this header of an Initial packet.
  Result<void> begin(const ngtcp2_pkt_hd* initial, TimePoint now);
  void begin_if_initial(Bytes datagram, TimePoint now);  // a server's
  void forget();          // the client's Initial was none: wait for another
  void broke(int error);  // of the library, or by the peer (NGTCP2_ERR_DRAINING)
  ngtcp2_ssize write_one(MutableBytes into, ngtcp2_tstamp now);
  std::size_t write_close(MutableBytes into, ngtcp2_tstamp now);

  Settings settings;
  Secret<32> tls_key;
  ngtcp2_cid first_id{};  // a client's choice
  ngtcp2_crypto_conn_ref reference{};
  std::unique_ptr<PskTls> tls;
  std::unique_ptr<ngtcp2_conn, Delete> connection;  // null: a server without a client yet
  TimePoint give_up_at{};                           // while it is null

  std::int64_t stream = -1;  // not open yet
  SendBuffer out;
  ByteQueue in;
  bool end_due = false, end_sent = false;  // of our direction
  bool peer_ended = false, stream_closed = false, reset_by_peer = false;
  std::optional<Error> failure;
  ngtcp2_connection_close_error last_word{};
  bool last_word_due = false;

  std::unique_ptr<std::byte[]> room;  // of pack()
  std::array<Bytes, kMostAtOnce> packed;
};

// One path, of which the library need not know more: migration is not ours.
const ngtcp2_path& the_path();
inline ngtcp2_tstamp stamp(TimePoint time) {
  return static_cast<ngtcp2_tstamp>(time.time_since_epoch().count());
}

}  // namespace culvert::quic
