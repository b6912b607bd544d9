#include "tunnel/carrier/recipes.h"

#include <gtest/gtest.h>

#include <set>

namespace culvert::carrier {
namespace {

TEST(Recipes, AreFoundByName) {
  ASSERT_NE(find_recipe("direct"), nullptr);
  EXPECT_TRUE(find_recipe("direct")->layers.empty());
  ASSERT_NE(find_recipe("tls"), nullptr);
  ASSERT_EQ(find_recipe("tls")->layers.size(), 1u);
  EXPECT_EQ(find_recipe("tls")->layers[0], LayerKind::kTls);
  EXPECT_FALSE(find_recipe("tls")->needs_proxy());
  ASSERT_NE(find_recipe("connect-tls"), nullptr);
  EXPECT_TRUE(find_recipe("connect-tls")->goes_through(ProxyKind::kHttp));
  EXPECT_TRUE(find_recipe("connect-tls")->goes_through(ProxyKind::kHttps));
  EXPECT_FALSE(find_recipe("connect-tls")->goes_through(ProxyKind::kSocks5));
  EXPECT_EQ(find_recipe("pigeon"), nullptr);
  EXPECT_EQ(find_recipe(""), nullptr);
}

TEST(Recipes, HaveDistinctNamesTitlesAndPorts) {
  std::set<std::string_view> names;
  for (const auto& recipe : all_recipes()) {
    EXPECT_TRUE(names.insert(recipe.name).second) << recipe.name;
    EXPECT_FALSE(recipe.title.empty());
    EXPECT_NE(recipe.default_port, 0);
    EXPECT_EQ(find_recipe(recipe.name), &recipe);
  }
}

}  // namespace
}  // namespace culvert::carrier
