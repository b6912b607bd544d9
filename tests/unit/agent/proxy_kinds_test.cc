#include "agent/proxy_kinds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::agent {
namespace {

using carrier::ProxyKind;
using proxies::Spoken;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ProxyKinds, what_speaks_http_is_no_socks_proxy_whatever_it_is_called) {
  for (const auto heard : {Spoken::kHttpProxy, Spoken::kWebServer})
    for (const auto named : {ProxyKind::kSocks5, ProxyKind::kSocks4, ProxyKind::kHttps})
      EXPECT_THAT(other_kinds(named, heard), ElementsAre(ProxyKind::kHttp));
}

TEST(ProxyKinds, what_hangs_up_on_http_may_speak_socks_or_tls) {
  EXPECT_THAT(other_kinds(ProxyKind::kHttp, Spoken::kSocks),
              ElementsAre(ProxyKind::kSocks5, ProxyKind::kHttps));
  EXPECT_THAT(other_kinds(ProxyKind::kHttps, Spoken::kSocks), ElementsAre(ProxyKind::kSocks5));
  EXPECT_THAT(other_kinds(ProxyKind::kHttp, Spoken::kSocks4), ElementsAre(ProxyKind::kSocks4));
}

TEST(ProxyKinds, what_greets_as_ftp_does_is_an_ftp_proxy_and_what_does_not_is_none) {
  for (const auto named : {ProxyKind::kHttp, ProxyKind::kHttps, ProxyKind::kSocks5})
    EXPECT_THAT(other_kinds(named, Spoken::kFtp), ElementsAre(ProxyKind::kFtp));
  EXPECT_THAT(other_kinds(ProxyKind::kFtp, Spoken::kHttpProxy), ElementsAre(ProxyKind::kHttp));
  EXPECT_THAT(other_kinds(ProxyKind::kFtp, Spoken::kSocks), ElementsAre(ProxyKind::kSocks5));
  EXPECT_THAT(other_kinds(ProxyKind::kFtp, Spoken::kSocks5), ElementsAre(ProxyKind::kSocks5));
}

TEST(ProxyKinds, nothing_is_added_where_the_name_is_right_or_the_answer_says_nothing) {
  EXPECT_THAT(other_kinds(ProxyKind::kHttp, Spoken::kHttpProxy), IsEmpty());
  EXPECT_THAT(other_kinds(ProxyKind::kSocks4, Spoken::kSocks), IsEmpty());
  EXPECT_THAT(other_kinds(ProxyKind::kSocks5, Spoken::kSocks5), IsEmpty());
  EXPECT_THAT(other_kinds(ProxyKind::kFtp, Spoken::kFtp), IsEmpty());
  for (const auto heard : {Spoken::kUnknown, Spoken::kUndecided})
    EXPECT_THAT(other_kinds(ProxyKind::kHttp, heard), IsEmpty());
}

}  // namespace
}  // namespace culvert::agent
