"""Page addresses of money."""

from django.urls import URLPattern, path

from customers.pages import revenue, settings_money

urlpatterns: list[URLPattern] = [
    path("customers/<int:pk>/subscriptions/new/", revenue.subscription_form, name="subscription-new"),
    path(
        "customers/<int:pk>/subscriptions/<int:subscription_pk>/",
        revenue.subscription_form,
        name="subscription-edit",
    ),
    path(
        "customers/<int:pk>/subscriptions/<int:subscription_pk>/end/",
        revenue.subscription_end,
        name="subscription-end",
    ),
    path("customers/<int:pk>/revenue/new/", revenue.revenue_new, name="revenue-new"),
    path("customers/<int:pk>/revenue/<int:movement_pk>/", revenue.revenue_restate, name="revenue-restate"),
    path("customers/<int:pk>/revenue/<int:movement_pk>/void/", revenue.revenue_void, name="revenue-void"),
    path("settings/exchange-rates/", settings_money.exchange_rates, name="settings-exchange-rates"),
    path("settings/exchange-rates/base/", settings_money.base, name="settings-base-currency"),
]
