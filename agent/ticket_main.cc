// culvert-ticket HOST: gets a ticket for the HTTP proxy there, as the user that it runs as, and
// writes it to standard output (tunnel/carrier/ticket_helper.h). While it is told what the proxy
// answers, it goes on with that login. Started by culvert-agent; of no use to people. It alone is
// linked with Kerberos.
#include <gssapi/gssapi.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>

#include "tunnel/base/bytes.h"
#include "tunnel/carrier/digests.h"

namespace culvert {
namespace {

std::string text_of(OM_uint32 code, int type) {
  std::string out;
  OM_uint32 more = 0;
  do {
    OM_uint32 minor = 0;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    if (gss_display_status(&minor, code, type, GSS_C_NO_OID, &more, &text) != GSS_S_COMPLETE) break;
    if (!out.empty()) out += "; ";
    out.append(static_cast<const char*>(text.value), text.length);
    gss_release_buffer(&minor, &text);
  } while (more != 0);
  return out;
}

int none(std::string why) {
  std::ranges::replace(why, '\n', ' ');
  std::printf("none %s\n", why.c_str());
  std::fflush(stdout);
  return 1;
}

constexpr std::size_t kMostAnswer = 96 * 1024;
constexpr int kMostRounds = 8;

// What the proxy has answered; nothing: nobody asks any more.
std::optional<ByteVector> next_answer() {
  constexpr std::string_view kAnswer = "answer ";
  std::string line;
  int c = 0;
  while ((c = std::getchar()) != EOF && c != '\n' && line.size() < kMostAnswer)
    line.push_back(static_cast<char>(c));
  if (c != '\n' || !line.starts_with(kAnswer)) return std::nullopt;
  return carrier::from_base64(std::string_view(line).substr(kAnswer.size()));
}

std::string text_of_mechanism(gss_OID mechanism, OM_uint32 code) {
  std::string out;
  OM_uint32 more = 0, minor = 0;
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  if (gss_display_status(&minor, code, GSS_C_MECH_CODE, mechanism, &more, &text) == GSS_S_COMPLETE)
    out.assign(static_cast<const char*>(text.value), text.length);
  gss_release_buffer(&minor, &text);
  return out;
}

// SPNEGO hides why (it "cannot find mechanisms to negotiate"): Kerberos alone is asked, too.
std::string reason(gss_name_t name, OM_uint32 code_of_spnego) {
  char kerberos_oid[] = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";  // 1.2.840.113554.1.2.2
  gss_OID_desc kerberos{9, kerberos_oid};
  gss_ctx_id_t context = GSS_C_NO_CONTEXT;
  gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
  OM_uint32 minor = 0, ignored = 0;
  const auto major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &context, name, &kerberos, 0,
                                          0, GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, nullptr,
                                          &token, nullptr, nullptr);
  gss_release_buffer(&ignored, &token);
  gss_delete_sec_context(&ignored, &context, GSS_C_NO_BUFFER);
  if (GSS_ERROR(major) != 0 && minor != 0) return text_of_mechanism(&kerberos, minor);
  return text_of_mechanism(GSS_C_NO_OID, code_of_spnego);
}

// Neither is the ticket delegated (no GSS_C_DELEG_FLAG), nor does the proxy prove itself: it could
// only do so once everything is said, and no more trust depends on it than on any proxy.
int run(const std::string& host) {
  auto service = "HTTP@" + host;
  gss_buffer_desc text{service.size(), service.data()};
  OM_uint32 minor = 0, ignored = 0;
  gss_name_t name = GSS_C_NO_NAME;
  auto major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
  if (GSS_ERROR(major) != 0) return none(text_of(major, GSS_C_GSS_CODE));
  char spnego_oid[] = "\x2b\x06\x01\x05\x05\x02";  // 1.3.6.1.5.5.2 (RFC 4178)
  gss_OID_desc spnego{6, spnego_oid};
  gss_ctx_id_t context = GSS_C_NO_CONTEXT;
  ByteVector answer;
  int status = 0;
  for (int round = 0; round < kMostRounds; ++round) {
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER, heard{answer.size(), answer.data()};
    major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &context, name, &spnego,
                                 /*req_flags=*/0, /*time_req=*/0, GSS_C_NO_CHANNEL_BINDINGS,
                                 round == 0 ? GSS_C_NO_BUFFER : &heard, nullptr, &token, nullptr,
                                 nullptr);
    if (GSS_ERROR(major) != 0 || token.length == 0) {
      status = none(round == 0         ? reason(name, minor)
                    : GSS_ERROR(major) ? text_of(major, GSS_C_GSS_CODE)
                                       : "everything is said, and the proxy asks on");
      break;
    }
    const auto* const octets = static_cast<const std::byte*>(token.value);
    std::printf("ticket %s\n", carrier::to_base64(Bytes{octets, token.length}).c_str());
    std::fflush(stdout);
    gss_release_buffer(&ignored, &token);
    const auto next = next_answer();
    if (!next) break;
    if (major == GSS_S_COMPLETE) {
      status = none("everything is said, and the proxy asks on");
      break;
    }
    answer = *next;
  }
  gss_delete_sec_context(&ignored, &context, GSS_C_NO_BUFFER);
  gss_release_name(&ignored, &name);
  return status;
}

}  // namespace
}  // namespace culvert

int main(int argc, char** argv) {
  if (argc != 2 || ::isatty(STDOUT_FILENO) != 0) {
    std::fputs("culvert-ticket is started by culvert-agent, not by people\n", stderr);
    return 2;
  }
  return culvert::run(argv[1]);
}
