"""REST addresses of money."""

from django.urls import URLPattern, path

from customers.api import invoices, revenue

urlpatterns: list[URLPattern] = [
    path(
        "accounts/<int:pk>/subscriptions/",
        revenue.AccountSubscriptions.as_view(),
        name="api-account-subscriptions",
    ),
    path(
        "accounts/<int:pk>/subscriptions/<int:subscription_pk>/",
        revenue.AccountSubscription.as_view(),
        name="api-account-subscription",
    ),
    path("accounts/<int:pk>/revenue/", revenue.AccountRevenue.as_view(), name="api-account-revenue"),
    path(
        "accounts/<int:pk>/revenue/<int:movement_pk>/void/",
        revenue.RevenueVoid.as_view(),
        name="api-account-revenue-void",
    ),
    path(
        "accounts/<int:pk>/revenue/<int:movement_pk>/restate/",
        revenue.RevenueRestate.as_view(),
        name="api-account-revenue-restate",
    ),
    path("invoices/", invoices.InvoiceList.as_view(), name="api-invoices"),
    path("invoices/bulk/", invoices.InvoiceBulk.as_view(), name="api-invoices-bulk"),
    path("exchange-rates/", revenue.ExchangeRates.as_view(), name="api-exchange-rates"),
]
