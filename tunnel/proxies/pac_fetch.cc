#include "tunnel/proxies/pac_fetch.h"

#include <curl/curl.h>

#include <memory>

namespace culvert::proxies {
namespace {

std::size_t take(char* data, std::size_t size, std::size_t count, void* into) {
  auto& script = *static_cast<std::string*>(into);
  const auto octets = size * count;
  if (octets > kMostPacScript - script.size()) return 0;  // makes curl fail
  script.append(data, octets);
  return octets;
}

}  // namespace

Result<std::string> fetch_pac_script(const std::string& url, Duration limit) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
    return fail(ErrorCode::kIo, "libcurl does not start");
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  if (!curl) return fail(ErrorCode::kIo, "libcurl does not start");
  std::string script;
  char why[CURL_ERROR_SIZE] = "";
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_MAXREDIRS, 3L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");  // the script is to tell which
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(milliseconds));
  curl_easy_setopt(curl.get(), CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "Mozilla/5.0 (compatible; PAC)");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &take);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &script);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, &why[0]);
  const auto result = curl_easy_perform(curl.get());
  if (result == CURLE_OK && !script.empty()) return script;
  if (result == CURLE_OK) return fail(ErrorCode::kIo, url + ": it is empty");
  const auto code = result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL
                        ? ErrorCode::kBadInput
                        : ErrorCode::kIo;
  if (result == CURLE_WRITE_ERROR) return fail(ErrorCode::kIo, url + ": it is larger than 1 MiB");
  return fail(code, url + ": " + (why[0] != '\0' ? &why[0] : curl_easy_strerror(result)));
}

}  // namespace culvert::proxies
