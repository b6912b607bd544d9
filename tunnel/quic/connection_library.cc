// How ngtcp2 is set up, and what it asks for and tells.
#include <netinet/in.h>

#include <algorithm>

#include "tunnel/crypto/hkdf.h"
#include "tunnel/quic/connection_state.h"

namespace culvert::quic {
namespace {

constexpr std::size_t kIdLength = 8;
constexpr std::size_t kOpeningRandom = 8, kOpeningCode = 10;  // halves of an OpeningId

MutableBytes writable(std::uint8_t* data, std::size_t count) {
  return std::as_writable_bytes(std::span{data, count});
}

ngtcp2_cid make_id(std::size_t length, Random& random) {
  ngtcp2_cid id{};
  id.datalen = length;
  random.fill(writable(id.data, length));
  return id;
}

Bytes id_octets(const ngtcp2_cid& id) { return std::as_bytes(std::span{id.data, id.datalen}); }

// Of the random half: the code that follows it, and the key for TLS.
crypto::HkdfPair keys_of(const Secret<32>& key, Bytes id) {
  return crypto::hkdf(crypto::derive_key(key, "quic"), id.first(kOpeningRandom));
}

ngtcp2_cc_algo algorithm(Connection::Congestion congestion) {
  switch (congestion) {
    case Connection::Congestion::kReno: return NGTCP2_CC_ALGO_RENO;
    case Connection::Congestion::kCubic: return NGTCP2_CC_ALGO_CUBIC;
    case Connection::Congestion::kBbr: return NGTCP2_CC_ALGO_BBR;
    case Connection::Congestion::kBbr2: break;
  }
  return NGTCP2_CC_ALGO_BBR2;
}

ngtcp2_settings library_settings(const Connection::Settings& ours, TimePoint now) {
  ngtcp2_settings settings;
  ngtcp2_settings_default(&settings);
  settings.cc_algo = algorithm(ours.congestion);
  settings.initial_ts = stamp(now);
  settings.initial_rtt = static_cast<ngtcp2_duration>(ours.round_trip.count());
  settings.max_tx_udp_payload_size = ours.most_datagram;
  settings.max_window = settings.max_stream_window = Connection::kMostWindow;
  settings.handshake_timeout =
      static_cast<ngtcp2_duration>(Duration{Connection::kHandshakeLimit}.count());
  return settings;
}

ngtcp2_transport_params parameters() {
  ngtcp2_transport_params params;
  ngtcp2_transport_params_default(&params);
  params.initial_max_data = params.initial_max_stream_data_bidi_local =
      params.initial_max_stream_data_bidi_remote = Connection::kFirstWindow;
  params.max_idle_timeout = static_cast<ngtcp2_duration>(Duration{Connection::kMostIdle}.count());
  params.disable_active_migration = 1;
  return params;
}

// What needs nothing of ours.
ngtcp2_callbacks common_callbacks() {
  ngtcp2_callbacks calls{};
  calls.client_initial = ngtcp2_crypto_client_initial_cb;
  calls.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
  calls.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb;
  calls.encrypt = ngtcp2_crypto_encrypt_cb;
  calls.decrypt = ngtcp2_crypto_decrypt_cb;
  calls.hp_mask = ngtcp2_crypto_hp_mask_cb;
  calls.recv_retry = ngtcp2_crypto_recv_retry_cb;
  calls.update_key = ngtcp2_crypto_update_key_cb;
  calls.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
  calls.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
  calls.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
  calls.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
  return calls;
}

}  // namespace

const ngtcp2_path& the_path() {
  static sockaddr_in somewhere{AF_INET, 0, {}, {}};
  static const ngtcp2_addr address{reinterpret_cast<ngtcp2_sockaddr*>(&somewhere),
                                   sizeof somewhere};
  static const ngtcp2_path path{address, address, nullptr};
  return path;
}

Connection::State::State(const Settings& with) : settings(with) {
  reference.user_data = this;
  reference.get_conn = [](ngtcp2_crypto_conn_ref* ref) {
    return static_cast<State*>(ref->user_data)->connection.get();
  };
}

std::optional<Connection::OpeningId> Connection::opening(Bytes datagram, const Secret<32>& key) {
  ngtcp2_pkt_hd head{};
  if (ngtcp2_accept(&head, as_u8(datagram), datagram.size()) != 0) return std::nullopt;
  OpeningId id;
  if (head.version != NGTCP2_PROTO_VER_V1 || head.dcid.datalen != id.size()) return std::nullopt;
  std::ranges::copy(id_octets(head.dcid), id.begin());
  const auto keys = keys_of(key, id);
  if (sodium_memcmp(id.data() + kOpeningRandom, keys.first.data(), kOpeningCode) != 0)
    return std::nullopt;
  return id;
}

Result<void> Connection::State::begin(const ngtcp2_pkt_hd* initial, TimePoint now) {
  const bool client = initial == nullptr;
  if (client) {
    first_id = make_id(std::tuple_size_v<OpeningId>, *settings.random);
    const auto keys = keys_of(settings.key, id_octets(first_id));
    std::ranges::copy(keys.first.view().first<kOpeningCode>(),
                      writable(first_id.data, first_id.datalen).begin() + kOpeningRandom);
  } else {
    first_id = initial->dcid;
  }
  tls_key = keys_of(settings.key, id_octets(first_id)).second;
  auto made = PskTls::make(client, tls_key, reference);
  if (!made) return fail(std::move(made.error()));
  tls = *std::move(made);

  auto calls = common_callbacks();
  calls.get_new_connection_id = [](ngtcp2_conn*, ngtcp2_cid* id, std::uint8_t* token,
                                   std::size_t length, void* self) {
    auto& random = *static_cast<State*>(self)->settings.random;
    *id = make_id(length, random);
    random.fill(writable(token, NGTCP2_STATELESS_RESET_TOKENLEN));
    return 0;
  };
  calls.stream_open = [](ngtcp2_conn*, std::int64_t id, void* self) {
    static_cast<State*>(self)->stream = id;
    return 0;
  };
  calls.recv_stream_data = [](ngtcp2_conn*, std::uint32_t flags, std::int64_t, std::uint64_t,
                              const std::uint8_t* data, std::size_t count, void* self, void*) {
    auto& state = *static_cast<State*>(self);
    state.in.append(std::as_bytes(std::span{data, count}));
    if ((flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0) state.peer_ended = true;
    return 0;
  };
  calls.acked_stream_data_offset = [](ngtcp2_conn*, std::int64_t, std::uint64_t offset,
                                      std::uint64_t count, void* self, void*) {
    static_cast<State*>(self)->out.acknowledged(offset + count);
    return 0;
  };
  calls.stream_close = [](ngtcp2_conn*, std::uint32_t, std::int64_t, std::uint64_t, void* self,
                          void*) {
    static_cast<State*>(self)->stream_closed = true;
    return 0;
  };
  // Ours never does; to the library it would be no reason to end the connection.
  calls.stream_reset = [](ngtcp2_conn*, std::int64_t, std::uint64_t, std::uint64_t, void* self,
                          void*) {
    static_cast<State*>(self)->reset_by_peer = true;
    return 0;
  };

  // A connection decides by an odd octet, while it is being made, that it will clear the QUIC bit
  // of its packets (RFC 9287; the library offers no other way to forbid it). Then nobody could tell
  // them from what else is on the path.
  calls.rand = [](std::uint8_t* into, std::size_t count, const ngtcp2_rand_ctx* context) {
    const auto& state = *static_cast<State*>(context->native_handle);
    state.settings.random->fill(writable(into, count));
    if (!state.connection)
      for (std::size_t i = 0; i < count; ++i) into[i] &= 0xfe;
  };
  auto with = library_settings(settings, now);
  with.rand_ctx.native_handle = this;
  auto params = parameters();
  const auto own_id = make_id(kIdLength, *settings.random);
  ngtcp2_conn* raw = nullptr;
  int error = 0;
  if (client) {
    error = ngtcp2_conn_client_new(&raw, &first_id, &own_id, &the_path(), NGTCP2_PROTO_VER_V1,
                                   &calls, &with, &params, nullptr, this);
  } else {
    params.original_dcid = initial->dcid;
    params.initial_max_streams_bidi = 1;
    error = ngtcp2_conn_server_new(&raw, &initial->scid, &own_id, &the_path(), initial->version,
                                   &calls, &with, &params, nullptr, this);
  }
  if (error != 0)
    return fail(ErrorCode::kIo,
                std::string{"a QUIC connection cannot be made: "} + ngtcp2_strerror(error));
  connection.reset(raw);
  ngtcp2_conn_set_tls_native_handle(raw, tls->session());
  return {};
}

}  // namespace culvert::quic
